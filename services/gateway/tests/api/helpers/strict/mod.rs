//! An upstream that reads by the letter, keeps what arrives, and complains of all that could be read in two ways.

mod law;
mod read;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub use law::Arrival;
use read::Fault;

/// Answers every lawful request with 200, the number of its arrival (`X-Arrival`), and a body that names it.
pub struct StrictUpstream {
    pub address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    arrivals: Vec<Arrival>,
    complaints: Vec<String>,
}

impl StrictUpstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let log = Arc::new(Mutex::new(Log::default()));
        let shared = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, address, Arc::clone(&shared)));
            }
        });
        Self { address, log }
    }

    /// How many requests have arrived, whole or not; numbers of later ones begin here.
    pub fn count(&self) -> usize {
        self.log.lock().expect("no panic").arrivals.len()
    }

    /// What has arrived since there were `count` arrivals.
    pub fn since(&self, count: usize) -> Vec<Arrival> {
        self.log.lock().expect("no panic").arrivals[count..].to_vec()
    }

    /// Takes the complaints so far.
    pub fn complaints(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().expect("no panic").complaints)
    }
}

async fn serve(stream: TcpStream, address: SocketAddr, log: Arc<Mutex<Log>>) {
    let mut reader = BufReader::new(stream);
    loop {
        match exchange(&mut reader, address, &log).await {
            Ok(()) => {}
            Err(Fault::Closed) => return,
            Err(Fault::Ambiguous(complaint)) => {
                log.lock().expect("no panic").complaints.push(complaint);
                return;
            }
        }
    }
}

async fn exchange(reader: &mut BufReader<TcpStream>, address: SocketAddr, log: &Mutex<Log>) -> Result<(), Fault> {
    let raw = read::head(reader).await?;
    if raw.starts_with(b"GET /openapi.json ") {
        return write(reader, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    }
    let arrival = law::read(&raw, address).map_err(|complaint| Fault::about(&complaint, &raw))?;
    let number = {
        let mut log = log.lock().expect("no panic");
        log.arrivals.push(arrival.clone());
        log.arrivals.len() - 1
    };
    let (body, trailers) = read::body(reader, &arrival).await?;
    law::check_trailers(&trailers).map_err(|complaint| Fault::about(&complaint, &raw))?;
    {
        let arrival = &mut log.lock().expect("no panic").arrivals[number];
        (arrival.body, arrival.is_whole) = (body, true);
    }
    write(reader, &answer(number, &arrival)).await
}

fn answer(number: usize, arrival: &Arrival) -> String {
    let text = format!("arrival {number} {} {}", arrival.method, arrival.target);
    let head = format!("HTTP/1.1 200 OK\r\nX-Arrival: {number}\r\nContent-Length: {}\r\n\r\n", text.len());
    if arrival.method == "HEAD" { head } else { head + &text }
}

async fn write(reader: &mut BufReader<TcpStream>, text: &str) -> Result<(), Fault> {
    reader.get_mut().write_all(text.as_bytes()).await.map_err(|_| Fault::Closed)
}
