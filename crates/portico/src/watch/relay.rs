//! An address that stays while what is behind it changes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A listener on loopback that passes every connection on, as it is, to wherever it leads at that moment.
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    target: watch::Sender<Option<SocketAddr>>,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// One that leads nowhere yet: who connects waits.
    ///
    /// # Errors
    /// The system gives no port.
    pub async fn bind() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (target, _) = watch::channel(None);
        let address = listener.local_addr()?;
        Ok(Self { address, accepting: tokio::spawn(accept(listener, target.clone())), target })
    }

    /// Has it lead there. Connections that are open stay with whom they are.
    pub fn lead_to(&self, target: SocketAddr) {
        self.target.send_replace(Some(target));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: watch::Sender<Option<SocketAddr>>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(pass_on(client, target.subscribe()))),
            // Too many open files: some will be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn pass_on(mut client: TcpStream, mut target: watch::Receiver<Option<SocketAddr>>) {
    let Ok(target) = target.wait_for(Option::is_some).await.map(|target| *target) else { return };
    let Some(target) = target else { return };
    // Whoever is behind it has gone: the client sees that as it would without us.
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let _ended = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// A server that says one letter to everybody.
    async fn server(letter: u8) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::io::AsyncWriteExt::write_all(&mut client, &[letter]).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn who_connects_gets_to_where_it_leads_then() {
        let relay = Relay::bind().await.unwrap();
        let mut early = TcpStream::connect(relay.address).await.unwrap();

        relay.lead_to(server(b'a').await);
        let first = early.read_u8().await.unwrap();
        relay.lead_to(server(b'b').await);
        let second = TcpStream::connect(relay.address).await.unwrap().read_u8().await.unwrap();

        assert_eq!((first, second), (b'a', b'b'));
    }
}
