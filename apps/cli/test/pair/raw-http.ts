/** Bytes that no HTTP client would send. */
import { connect } from 'node:net';

/** Sends them to an origin, and a drop every half second if it is given one; resolves to what came back until the server closed. */
export function raw(origin: string, text: string | Buffer, drop?: string): Promise<string> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(text));
    let said = '';
    const timer = drop === undefined ? null : setInterval(() => socket.write(drop), 500);
    socket.setEncoding('latin1').on('data', (data: string) => (said += data));
    // A reset is an end like another.
    socket.on('error', () => {});
    socket.on('close', () => {
      if (timer !== null) clearInterval(timer);
      resolve(said);
    });
  });
}

/** A request with these headers, after which the server is asked to close. */
export function head(method: string, target: string, headers: Readonly<Record<string, string>> = {}): string {
  const all = { host: 'localhost', connection: 'close', ...headers };
  return `${method} ${target} HTTP/1.1\r\n${Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;
}
