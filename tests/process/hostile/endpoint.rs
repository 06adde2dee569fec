//! An endpoint that answers whatever it is told to, byte for byte.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Given the operation and how many requests there were before, what is sent back; then the connection ends.
type Script = dyn FnMut(&str, usize) -> Vec<u8> + Send;

/// Listens until the test ends.
pub struct Hostile {
    pub address: SocketAddr,
    script: Arc<Mutex<Box<Script>>>,
}

impl Hostile {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script: Arc<Mutex<Box<Script>>> = Arc::new(Mutex::new(Box::new(|_, _| Vec::new())));
        let shared = script.clone();
        std::thread::spawn(move || {
            for (count, stream) in listener.incoming().enumerate() {
                let _ = serve(stream.unwrap(), &shared, count);
            }
        });
        Self { address, script }
    }

    pub fn says(&self, script: impl FnMut(&str, usize) -> Vec<u8> + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }
}

fn serve(stream: TcpStream, script: &Mutex<Box<Script>>, count: usize) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut operation, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => operation = value.rsplit('.').next().unwrap_or_default().to_owned(),
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    let answer = script.lock().unwrap()(&operation, count);
    // The other side may have had enough before all is written.
    let _ = (&stream).write_all(&answer);
    stream.shutdown(Shutdown::Write)?;
    // Until it has gone: a close with bytes unread would take the answer back.
    let _ = std::io::copy(&mut reader, &mut std::io::sink());
    Ok(())
}

/// An answer as a well-behaved server sends it.
pub fn ok(body: &str) -> Vec<u8> {
    answer("200 OK", "application/x-amz-json-1.1", "", body.as_bytes())
}

/// An answer of any kind.
pub fn answer(status: &str, content_type: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
