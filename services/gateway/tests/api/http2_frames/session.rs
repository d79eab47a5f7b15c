//! A connection of HTTP/2 on which a test writes every frame.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::frame::{ACK, DATA, Frame, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE};
use crate::helpers::PATIENCE;

const HEADER_TABLE_SIZE: u16 = 1;

pub struct Session {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

/// What has come back.
#[derive(Debug, Default)]
pub struct Seen {
    /// By stream.
    pub answers: Vec<(u32, u16)>,
    /// By stream, with the code.
    pub resets: Vec<(u32, u32)>,
    /// Payloads of pings that were answered.
    pub pongs: Vec<Vec<u8>>,
    pub acknowledged_settings: usize,
    /// The codes of farewells.
    pub farewells: Vec<u32>,
    pub is_closed: bool,
    /// Bytes of bodies.
    pub bytes: usize,
    /// Pieces of bodies, by stream.
    pub data: Vec<(u32, Vec<u8>)>,
    /// What windows have grown by, by stream.
    pub windows: Vec<(u32, u32)>,
}

impl Session {
    /// Says hello, with an own table that keeps nothing.
    pub async fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &[]).await
    }

    /// Says hello with more settings.
    pub async fn open_with(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut session = Self::connect(address).await;
        session.write(PREFACE).await.expect("a preface");
        let settings = [&[(HEADER_TABLE_SIZE, 0)][..], settings].concat();
        session.send(&[Frame::settings(&settings)]).await.expect("settings");
        let first = session.next().await.expect("the gateway's settings");
        assert_eq!((first.kind, first.flags), (SETTINGS, 0), "{first:?}");
        session.send(&[Frame::new(SETTINGS, ACK, 0, [])]).await.expect("an acknowledgement");
        session
    }

    /// Connects, and says nothing.
    pub async fn connect(address: SocketAddr) -> Self {
        let (read, write) = TcpStream::connect(address).await.expect("a connection").into_split();
        Self { read, write }
    }

    /// Both directions, each to be used by itself.
    pub fn split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        (self.read, self.write)
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(PATIENCE, self.write.write_all(bytes)).await.expect("a gateway that reads")
    }

    /// Writes frames at once. An error is a gateway that has closed.
    pub async fn send(&mut self, frames: &[Frame]) -> io::Result<()> {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        self.write(&bytes).await
    }

    /// The next frame, none at the end. A ping is answered, for without that no connection ends in order.
    pub async fn next(&mut self) -> Option<Frame> {
        let frame = timeout(PATIENCE, self.read_frame()).await.expect("a frame, or the end, in time")?;
        if frame.kind == PING && frame.flags == 0 {
            let _closed = self.send(&[Frame::new(PING, ACK, 0, frame.payload.clone())]).await;
        }
        Some(frame)
    }

    async fn read_frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.read.read_exact(&mut head).await.ok()?;
        let [high, middle, low, kind, flags, a, b, c, d] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        self.read.read_exact(&mut payload).await.ok()?;
        Some(Frame { kind, flags, stream: u32::from_be_bytes([a, b, c, d]), payload })
    }

    /// Reads on until `is_enough`, or the end.
    pub async fn read_until(&mut self, seen: &mut Seen, is_enough: impl Fn(&Seen) -> bool) {
        let reading = async {
            while !seen.is_closed && !is_enough(seen) {
                match self.next().await {
                    Some(frame) => seen.note(frame),
                    None => seen.is_closed = true,
                }
            }
        };
        let is_in_time = timeout(PATIENCE, reading).await.is_ok();
        assert!(is_in_time, "the gateway does not come to an end: {seen:?}");
    }

    /// Reads until the gateway closes.
    pub async fn closed(&mut self) -> Seen {
        let mut seen = Seen::default();
        self.read_until(&mut seen, |_| false).await;
        seen
    }

    /// Waits for the status of a stream's answer.
    pub async fn status(&mut self, stream: u32) -> u16 {
        let mut seen = Seen::default();
        self.read_until(&mut seen, |seen| seen.answer(stream).is_some()).await;
        seen.answer(stream).unwrap_or_else(|| panic!("an answer on {stream}: {seen:?}"))
    }
}

impl Seen {
    pub fn answer(&self, stream: u32) -> Option<u16> {
        self.answers.iter().find(|(of, _)| *of == stream).map(|(_, status)| *status)
    }

    pub fn reset(&self, stream: u32) -> Option<u32> {
        self.resets.iter().find(|(of, _)| *of == stream).map(|(_, code)| *code)
    }

    /// The body of a stream's answer, as far as it has come.
    pub fn body(&self, stream: u32) -> Vec<u8> {
        self.data.iter().filter(|(of, _)| *of == stream).flat_map(|(_, bytes)| bytes.clone()).collect()
    }

    /// What the window of a stream has grown by.
    pub fn window(&self, stream: u32) -> u32 {
        self.windows.iter().filter(|(of, _)| *of == stream).map(|(_, increment)| increment).sum()
    }

    fn note(&mut self, frame: Frame) {
        match frame.kind {
            HEADERS => self.answers.extend(frame.status().map(|status| (frame.stream, status))),
            RST_STREAM => self.resets.push((frame.stream, code(&frame.payload))),
            PING if frame.flags == ACK => self.pongs.push(frame.payload),
            SETTINGS if frame.flags == ACK => self.acknowledged_settings += 1,
            GOAWAY => self.farewells.push(code(&frame.payload[4..])),
            WINDOW_UPDATE => self.windows.push((frame.stream, code(&frame.payload))),
            DATA => {
                self.bytes += frame.payload.len();
                self.data.push((frame.stream, frame.payload));
            }
            _ => {}
        }
    }
}

fn code(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().expect("four bytes"))
}
