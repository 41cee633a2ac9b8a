//! The limit: frames of a length and a number on raw TCP. One in flight it is ping-pong; with more, it writes a whole
//! window at once and reads a whole window back.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use super::Caller;

/// 4 bytes length, 8 bytes number.
const FRAME: usize = 12;

pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_all(stream));
        }
    });
    super::ready(&address).await
}

async fn answer_all(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut output, mut held) = (vec![0; 64 << 10], Vec::new(), 0);
    loop {
        let count = stream.read(&mut input[held..]).await?;
        if count == 0 {
            return Ok(());
        }
        held += count;
        let whole = held - held % FRAME;
        output.clear();
        for frame in input[..whole].chunks_exact(FRAME) {
            let number = i64::from_le_bytes(frame[4..].try_into().unwrap_or_default());
            output.extend_from_slice(&8u32.to_le_bytes());
            output.extend_from_slice(&(number * number).to_le_bytes());
        }
        stream.write_all(&output).await?;
        input.copy_within(whole..held, 0);
        held -= whole;
    }
}

pub(crate) struct Limit(Mutex<TcpStream>);

pub(crate) async fn connect(address: &str) -> anyhow::Result<Limit> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Limit(Mutex::new(stream)))
}

impl Caller for Limit {
    fn call_all<'a>(
        &'a self,
        window: usize,
        stop: &'a (dyn Fn() -> bool + Sync),
        latency: &'a (dyn Fn(u64) + Sync),
    ) -> Pin<Box<dyn Future<Output = anyhow::Result<u64>> + Send + 'a>> {
        Box::pin(async move {
            let mut stream = self.0.lock().await;
            let mut request = Vec::new();
            for _ in 0..window {
                request.extend_from_slice(&8u32.to_le_bytes());
                request.extend_from_slice(&3i64.to_le_bytes());
            }
            let mut reply = vec![0; FRAME * window];
            let mut count = 0;
            while !stop() {
                let start = Instant::now();
                stream.write_all(&request).await?;
                stream.read_exact(&mut reply).await?;
                anyhow::ensure!(reply.ends_with(&9i64.to_le_bytes()), "a wrong answer");
                if window == 1 {
                    latency(start.elapsed().as_nanos() as u64);
                }
                count += window as u64;
            }
            Ok(count)
        })
    }
}
