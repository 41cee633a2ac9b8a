//! The limit: frames of a length and a payload on raw TCP, the most that a program on tokio could do.
//!
//! Calls of `process`: one in flight it is ping-pong; with more, it writes a whole window at once and reads a whole window
//! back, and like every peer it writes each call's number and looks at each answer. Calls of `echo`: each end has one buffer
//! for its messages; the server reads a message whole, as who calls a method must, and writes it back from where it was
//! read.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Mutex, Semaphore};

use super::{Caller, Calls, Load};
use crate::measure::What;

/// 4 bytes length, 8 bytes number.
const FRAME: usize = 12;

/// The send buffer of both ends: large messages go in few writes.
const SEND_BUFFER: u32 = 512 << 10;

/// The first byte of a connection: what it carries.
const PROCESS: u8 = b'p';
const ECHO: u8 = b'e';

fn socket() -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

pub(crate) async fn serve() -> anyhow::Result<()> {
    // What it accepts takes over the size of its send buffer.
    let socket = socket()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let listener = socket.listen(1024)?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    super::ready(&address).await
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    match stream.read_u8().await? {
        ECHO => echo_messages(stream).await,
        _ => answer_calls(stream).await,
    }
}

fn put_frame(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(&8u32.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
}

fn number(frame: &[u8]) -> i64 {
    i64::from_le_bytes(frame[4..].try_into().unwrap_or_default())
}

async fn answer_calls(mut stream: TcpStream) -> std::io::Result<()> {
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
            let data = number(frame);
            put_frame(&mut output, data * data);
        }
        stream.write_all(&output).await?;
        input.copy_within(whole..held, 0);
        held -= whole;
    }
}

/// All messages of a connection are as long as its first: so each is read with its length at once.
async fn echo_messages(mut stream: TcpStream) -> std::io::Result<()> {
    let length = stream.read_u32_le().await?;
    let mut message = length.to_le_bytes().to_vec();
    message.resize(4 + length as usize, 0);
    stream.read_exact(&mut message[4..]).await?;
    while message[..4] == length.to_le_bytes() {
        stream.write_all(&message).await?;
        stream.read_exact(&mut message).await?;
    }
    Ok(())
}

pub(crate) struct Limit {
    stream: Mutex<TcpStream>,
    address: SocketAddr,
}

pub(crate) async fn connect(address: &str) -> anyhow::Result<Limit> {
    let address = address.parse()?;
    Ok(Limit {
        stream: Mutex::new(open(address, PROCESS).await?),
        address,
    })
}

async fn open(address: SocketAddr, carries: u8) -> std::io::Result<TcpStream> {
    let mut stream = socket()?.connect(address).await?;
    stream.write_u8(carries).await?;
    Ok(stream)
}

impl Caller for Limit {
    fn call_all<'a>(&'a self, what: What, load: Load<'a>) -> Calls<'a> {
        match what {
            What::Process => Box::pin(self.call(load)),
            What::Echo(bytes) => Box::pin(self.echo(bytes, load)),
        }
    }
}

impl Limit {
    async fn call(&self, load: Load<'_>) -> anyhow::Result<u64> {
        let Load {
            window,
            stop,
            latency,
        } = load;
        let mut stream = self.stream.lock().await;
        let (mut requests, mut replies) = (Vec::new(), vec![0; FRAME * window]);
        let mut count = 0;
        while !stop() {
            let start = Instant::now();
            requests.clear();
            for _ in 0..window {
                put_frame(&mut requests, black_box(3));
            }
            stream.write_all(&requests).await?;
            stream.read_exact(&mut replies).await?;
            for reply in replies.chunks_exact(FRAME) {
                anyhow::ensure!(number(reply) == 9, "a wrong answer");
            }
            if window == 1 {
                latency(start.elapsed().as_nanos() as u64);
            }
            count += window as u64;
        }
        Ok(count)
    }

    async fn echo(&self, bytes: usize, load: Load<'_>) -> anyhow::Result<u64> {
        let Load {
            window,
            stop,
            latency,
        } = load;
        let mut stream = open(self.address, ECHO).await?;
        let (mut reading, mut writing) = stream.split();
        let (free, sent) = (Semaphore::new(window), Semaphore::new(0));
        let mut message = (bytes as u32).to_le_bytes().to_vec();
        message.resize(4 + bytes, 7);
        let send = async {
            loop {
                free.acquire().await?.forget();
                if stop() {
                    sent.close();
                    return anyhow::Ok(());
                }
                sent.add_permits(1);
                writing.write_all(&message).await?;
            }
        };
        let receive = async {
            let (mut count, mut echo) = (0, vec![0; 4 + bytes]);
            let mut start = Instant::now();
            // Closed, it still gives what was sent before.
            while let Ok(one) = sent.acquire().await {
                one.forget();
                reading.read_exact(&mut echo).await?;
                anyhow::ensure!(echo[..4] == message[..4], "a wrong answer");
                if window == 1 {
                    latency(start.elapsed().as_nanos() as u64);
                }
                count += 1;
                start = Instant::now();
                free.add_permits(1);
            }
            Ok(count)
        };
        let ((), count) = tokio::try_join!(send, receive)?;
        Ok(count)
    }
}
