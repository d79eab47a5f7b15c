//! Something that speaks enough of the Redis protocol to be asked, and misbehaves as told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How it answers the script.
#[derive(Clone, Copy)]
pub(super) enum Mood {
    /// Admits everything.
    Well,
    /// Says nothing.
    Hung,
    /// Ends the connection.
    Gone,
    /// Says this.
    Says(&'static [u8]),
}

pub(super) struct FakeStore {
    pub url: String,
    mood: Arc<Mutex<Mood>>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl FakeStore {
    pub async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let (mood, connections) = (Arc::new(Mutex::new(mood)), Arc::new(AtomicUsize::new(0)));
        let (moods, count) = (Arc::clone(&mood), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, Arc::clone(&moods)));
            }
        });
        Self { url, mood, connections, task }
    }

    pub fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for FakeStore {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, mood: Arc<Mutex<Mood>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let command = read_command(&mut stream).await?;
        let mood = *mood.lock().unwrap();
        let answer = match (command[0].as_str(), mood) {
            ("EVALSHA", Mood::Well) => admitted(&command),
            ("EVALSHA", Mood::Hung) => continue,
            ("EVALSHA", Mood::Gone) => return None,
            ("EVALSHA", Mood::Says(bytes)) => bytes.to_vec(),
            ("SCRIPT", _) => b"$3\r\nabc\r\n".to_vec(),
            _ => b"+OK\r\n".to_vec(),
        };
        stream.get_mut().write_all(&answer).await.ok()?;
    }
}

/// One is taken from each bucket: `EVALSHA script count key… (interval capacity)…`.
fn admitted(command: &[String]) -> Vec<u8> {
    let count: usize = command[2].parse().unwrap();
    let intervals = command[3 + count..].iter().step_by(2).map(|interval| format!(":{interval}\r\n"));
    format!("*{}\r\n:1\r\n{}", count + 1, intervals.collect::<String>()).into_bytes()
}

async fn read_command(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let mut command = Vec::new();
    for _ in 0..read_number(stream).await? {
        let mut word = vec![0; read_number(stream).await? + 2];
        stream.read_exact(&mut word).await.ok()?;
        word.truncate(word.len() - 2);
        command.push(String::from_utf8(word).unwrap());
    }
    Some(command)
}

/// The number in a line such as `*3` or `$12`.
async fn read_number(stream: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.get(1..)?.trim_end().parse().ok()
}
