//! A bad network between a store and its database: connections of the loopback interface that are slowed down, cut in
//! mid-result, reset, turned away or swallowed.

use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Bytes read at once. A result of some rows is several of them.
const CHUNK_BYTES: usize = 1_024;
/// Chunks on their way in one direction.
const CHUNKS: usize = 256;

/// How the network behaves. It may change while connections stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Whatever is sent arrives.
    Pass,
    /// It arrives so much later, in each direction.
    Slow(Duration),
    /// A connection ends as soon as the database has sent so many bytes on it since the mode was set.
    CutAfter(u64),
    /// Whoever connects is turned away, and connections that stand are reset when something is sent on them.
    Refuse,
    /// Of a thousand chunks so many reset their connection.
    Reset(u32),
    /// Nothing arrives and nobody is told. What was sent arrives when the mode changes.
    BlackHole,
}

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToDatabase,
    FromDatabase,
}

/// How a connection ends.
enum End {
    /// One side has closed it, and the other is told so.
    Closed,
    /// Both sides see it reset.
    Reset,
}

/// What all connections share.
struct Network {
    mode: watch::Sender<(u64, Mode)>,
    random: Mutex<u64>,
    connections: AtomicU64,
    broken: AtomicU64,
}

/// A proxy in front of one database server. It ends with all its connections when it is dropped.
pub(crate) struct Proxy {
    port: u16,
    network: Arc<Network>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// In front of the server on that port. The seed says which chunks are hit.
    pub(crate) async fn start(server: u16, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let network = Arc::new(Network {
            mode: watch::Sender::new((0, Mode::Pass)),
            random: Mutex::new(seed),
            connections: AtomicU64::new(0),
            broken: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, server, Arc::clone(&network)));
        Self { port, network, accepting }
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// From now on.
    pub(crate) fn set(&self, mode: Mode) {
        self.network.mode.send_modify(|(number, current)| {
            *number += 1;
            *current = mode;
        });
    }

    /// How many connections it has taken.
    pub(crate) fn connections(&self) -> u64 {
        self.network.connections.load(Ordering::Relaxed)
    }

    /// How many of them it has broken or turned away.
    pub(crate) fn broken(&self) -> u64 {
        self.network.broken.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The connections are tasks of this one.
        self.accepting.abort();
    }
}

impl Network {
    fn mode(&self) -> (u64, Mode) {
        *self.mode.borrow()
    }

    /// Whether a chunk is hit that meets so many of a thousand. (The generator is SplitMix64.)
    fn hits(&self, per_mille: u32) -> bool {
        let mut state = self.random.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 1_000 < u64::from(per_mille)
    }

    /// Waits until what was sent may arrive.
    async fn opens(&self) {
        let mut changes = self.mode.subscribe();
        // The sender is there as long as the network is.
        let _ = changes.wait_for(|(_, mode)| *mode != Mode::BlackHole).await;
    }
}

async fn accept(listener: TcpListener, server: u16, network: Arc<Network>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        network.connections.fetch_add(1, Ordering::Relaxed);
        if network.mode().1 == Mode::Refuse {
            network.broken.fetch_add(1, Ordering::Relaxed);
            let _ = client.set_zero_linger();
            continue;
        }
        let network = Arc::clone(&network);
        connections.spawn(async move {
            // Who cannot reach the server sees its connection closed.
            let _ = connection(client, server, &network).await;
        });
    }
}

/// One connection, to its end.
async fn connection(mut client: TcpStream, server: u16, network: &Network) -> io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let end = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            end = pump(from_client, to_server, network, Direction::ToDatabase) => end,
            end = pump(from_server, to_client, network, Direction::FromDatabase) => end,
        }
    };
    if let End::Reset = end {
        network.broken.fetch_add(1, Ordering::Relaxed);
        client.set_zero_linger()?;
        server.set_zero_linger()?;
    }
    Ok(())
}

/// Moves bytes one way until something ends it.
async fn pump(from: ReadHalf<'_>, to: WriteHalf<'_>, network: &Network, direction: Direction) -> End {
    let (sent, arriving) = mpsc::channel(CHUNKS);
    let reading = async {
        read(from, sent, network).await;
        // What is still on its way arrives first.
        pending::<End>().await
    };
    tokio::select! {
        end = write(arriving, to, network, direction) => end,
        end = reading => end,
    }
}

async fn read(mut from: ReadHalf<'_>, sent: mpsc::Sender<(Instant, Vec<u8>)>, network: &Network) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(bytes @ 1..) = from.read(&mut chunk).await {
        let delay = if let Mode::Slow(delay) = network.mode().1 { delay } else { Duration::ZERO };
        if sent.send((Instant::now() + delay, chunk[..bytes].to_vec())).await.is_err() {
            return;
        }
    }
}

async fn write(
    mut arriving: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut to: WriteHalf<'_>,
    network: &Network,
    direction: Direction,
) -> End {
    let (mut since, mut passed) = (0, 0);
    while let Some((due, chunk)) = arriving.recv().await {
        tokio::time::sleep_until(due).await;
        network.opens().await;
        let (number, mode) = network.mode();
        if number != since {
            (since, passed) = (number, 0);
        }
        let mut whole = true;
        let mut chunk = chunk.as_slice();
        match mode {
            Mode::CutAfter(bytes) if direction == Direction::FromDatabase => {
                let left = usize::try_from(bytes.saturating_sub(passed)).unwrap();
                whole = left >= chunk.len();
                chunk = &chunk[..left.min(chunk.len())];
            }
            Mode::Refuse => return End::Reset,
            Mode::Reset(per_mille) if network.hits(per_mille) => return End::Reset,
            _ => {}
        }
        if to.write_all(chunk).await.is_err() {
            return End::Closed;
        }
        if !whole {
            network.broken.fetch_add(1, Ordering::Relaxed);
            return End::Closed;
        }
        passed += chunk.len() as u64;
    }
    End::Closed
}
