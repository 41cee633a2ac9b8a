//! A peer made by hand: sends inputs cut at random places, a ping behind each, and reads what comes back.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;

use farcall::parts::wire::frame::{self, Frame, LENGTH_BYTES};
use farcall::parts::wire::handshake::{Hello, PREFACE_BYTES, Side, VERSIONS, feature, preface};
use fastrand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio::time::{Duration, timeout};

use super::TOO_LONG;

/// The tokens of pings that stand behind inputs begin so; forged pings have others, as a rule.
const TOKENS: u64 = 0x6661_7263_0000_0000;

/// How long a pong may take before the ping is sent again: a side that has much to send may leave one unanswered.
const PATIENCE: Duration = Duration::from_millis(250);

/// How far a connection came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    /// How many inputs the peer has read for certain.
    pub(super) inputs_read: u64,
}

/// What a sound peer says first.
pub(super) fn greeting(side: Side) -> Vec<u8> {
    let mut out = preface(VERSIONS).to_vec();
    let hello = Hello {
        incarnation: if side == Side::Accepted { 7 } else { 0 },
        session: 1,
        max_message_bytes: 1 << 20,
        max_calls_in_flight: 1_000,
        features: feature::BATCHES | feature::TWO_WAY,
        software: "fuzz".into(),
        credentials: Vec::new(),
    };
    hello.put(&mut out, side);
    out
}

/// Reads the other side's first words, `None` when it closes instead; `side` is this side.
pub(super) async fn meet(socket: &mut TcpStream, side: Side) -> Result<Option<Hello>, String> {
    let reading = async {
        let mut preface = [0; PREFACE_BYTES];
        socket.read_exact(&mut preface).await?;
        let (mut reading, _) = socket.split();
        read_frame(&mut reading).await
    };
    match within(reading).await? {
        Ok(Some(hello)) => Hello::parse(&hello, side)
            .map(Some)
            .map_err(|e| e.to_string()),
        _ => Ok(None),
    }
}

/// Fails when the other side takes too long.
pub(super) async fn within<T>(work: impl Future<Output = T>) -> Result<T, String> {
    timeout(TOO_LONG, work)
        .await
        .map_err(|_| format!("nothing came within {TOO_LONG:?}"))
}

/// Sends inputs, a ping behind each, until the peer has read all of them or ends the connection.
///
/// `answer` sees every frame that comes, and appends what a sound peer would say to it.
pub(super) async fn assault(
    socket: &mut TcpStream,
    inputs: &[Vec<u8>],
    random: &mut Rng,
    answer: impl FnMut(&Frame<'_>, &mut Vec<u8>),
) -> Result<Came, String> {
    let answers = Answers::default();
    let (reading, writing) = socket.split();
    tokio::select! {
        came = listen(reading, inputs.len() as u64, &answers, answer) => came,
        never = talk(writing, inputs, random, &answers) => match never {},
    }
}

/// What a sound peer would say, to be sent between two frames.
#[derive(Default)]
struct Answers {
    bytes: RefCell<Vec<u8>>,
    more: Notify,
}

/// Sends all inputs, then answers and pings until somebody stops it.
async fn talk(
    mut writing: WriteHalf<'_>,
    inputs: &[Vec<u8>],
    random: &mut Rng,
    answers: &Answers,
) -> Infallible {
    for (number, input) in (0..).zip(inputs) {
        let sent = send(&mut writing, &answers.bytes.take(), random)
            .await
            .is_ok()
            && send(&mut writing, input, random).await.is_ok();
        if !sent || !is_whole(input) {
            // A ping would be part of what is missing: the end of the stream is all that can follow.
            let _ = writing.shutdown().await;
            return std::future::pending().await;
        }
        let _ = writing.write_all(&ping(number)).await;
    }
    let last = ping((inputs.len() as u64).saturating_sub(1));
    loop {
        let said = answers.bytes.take();
        let _ = writing.write_all(&said).await;
        if timeout(PATIENCE, answers.more.notified()).await.is_err() {
            let _ = writing.write_all(&last).await;
        }
    }
}

/// Reads until the last input's pong, or the end.
async fn listen(
    mut reading: ReadHalf<'_>,
    inputs: u64,
    answers: &Answers,
    mut answer: impl FnMut(&Frame<'_>, &mut Vec<u8>),
) -> Result<Came, String> {
    let mut inputs_read = 0;
    while inputs_read < inputs {
        // A reset is an end too.
        let Some(bytes) = within(read_frame(&mut reading)).await?.unwrap_or(None) else {
            break;
        };
        let frame = Frame::parse(&bytes).map_err(|e| format!("it said what is no frame: {e}"))?;
        match frame {
            Frame::Pong(token) if (token ^ TOKENS) < inputs => inputs_read = (token ^ TOKENS) + 1,
            frame => answer(&frame, &mut answers.bytes.borrow_mut()),
        }
        answers.more.notify_one();
    }
    Ok(Came { inputs_read })
}

async fn read_frame(reading: &mut ReadHalf<'_>) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; LENGTH_BYTES];
    if reading.read_exact(&mut length).await.is_err() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    reading
        .take(u32::from_le_bytes(length).into())
        .read_to_end(&mut bytes)
        .await?;
    Ok(Some(bytes))
}

/// Sends bytes in pieces; now and then others run in between, so that the peer reads half a frame.
async fn send(writing: &mut WriteHalf<'_>, bytes: &[u8], random: &mut Rng) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let cut = if random.u8(..) < 64 {
            random.usize(1..=rest.len())
        } else {
            rest.len()
        };
        let (piece, more) = rest.split_at(cut);
        writing.write_all(piece).await?;
        if !more.is_empty() {
            tokio::task::yield_now().await;
        }
        rest = more;
    }
    Ok(())
}

/// True when an input ends where a frame ends.
fn is_whole(mut input: &[u8]) -> bool {
    while !input.is_empty() {
        match frame::frame_bytes(input, u32::MAX) {
            Ok(Some(total)) if total <= input.len() => input = &input[total..],
            _ => return false,
        }
    }
    true
}

fn ping(number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put_ping(&mut out, TOKENS | number);
    out
}
