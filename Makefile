# Shorthands; everything works without make, too.
.PHONY: setup up migrate test all

setup: ## Copy env.example to .env, unless there is one
	@test -e .env || cp env.example .env

up: setup ## Build, bring the schema up to date and run the server, until Ctrl-C
	cargo run --release -- serve --bring-model

migrate: setup ## Bring the schema up to date
	cargo run --release -- migrate

test: ## Everything that has to be true
	scripts/test

all: setup migrate test up ## setup, migrate, test, and then up, which stays
