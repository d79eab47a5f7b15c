//! What a client's connection becomes when a service has agreed to a WebSocket.

use std::error::Error;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, copy_bidirectional, join};
use tokio_io_timeout::TimeoutStream;

use crate::upstream::Connection;

/// The service's end of a tunnel that is about to open.
pub(crate) struct Tunnel {
    service: Connection,
    idle_timeout: Duration,
}

impl Tunnel {
    /// The service may be silent for `idle_timeout`.
    pub fn new(service: Connection, idle_timeout: Duration) -> Self {
        Self { service, idle_timeout }
    }

    /// Passes bytes both ways until both ends are done, one fails or the service is silent for too long.
    ///
    /// # Errors
    /// Why it did not end by itself.
    pub(super) async fn run(
        self,
        mut client: impl AsyncRead + AsyncWrite + Unpin,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (service, already_read) = self.service.into_inner();
        let (read, write) = service.into_split();
        let mut service = TimeoutStream::new(join((&already_read[..]).chain(read), write));
        service.set_read_timeout(Some(self.idle_timeout));
        copy_bidirectional(&mut client, &mut Box::pin(service)).await?;
        Ok(())
    }
}
