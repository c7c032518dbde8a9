# The server in a small image without a shell: docker build -t memoryscope .
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY policies policies
COPY demo demo
COPY crates crates
# One layer: sources and dependencies are both pinned by Cargo.lock and rebuilt together.
RUN cargo build --release --locked --package memoryscope \
 && install -D target/release/memoryscope /out/usr/local/bin/memoryscope \
 && install -d -m 0700 /out/data

# The C library of the builder's Debian, and nothing else: no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/usr /usr
COPY --from=build --chown=65532:65532 /out/data /data
WORKDIR /data
VOLUME /data
# Within the container every address; who reaches it is decided by what is published. There are no keys: SECURITY.md.
ENV DATABASE_URL=sqlite:///data/memoryscope.db \
    MEMORYSCOPE_LISTEN=0.0.0.0:8000 \
    ENVIRONMENT=production
EXPOSE 8000
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/memoryscope", "health"]
ENTRYPOINT ["/usr/local/bin/memoryscope"]
CMD ["serve"]
