/** A request whose connection ends in the middle of its body. */
import { once } from 'node:events';
import { connect } from 'node:net';

/**
 * Sends the head with the full content-length and half of the body, and hangs up. Resolves once the server has let go of the
 * connection as well, to what it said until then.
 */
export async function cutOff(
  origin: string,
  { method, path, headers = {}, body }: HalfRequest,
): Promise<string> {
  const { hostname, port, host } = new URL(origin);
  const bytes = Buffer.from(body);
  const lines = Object.entries({
    host,
    'content-type': 'application/json',
    'content-length': String(bytes.length),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect({ host: hostname, port: Number(port) });
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => (said += text));
  // A server that answers with a reset has let go as well.
  socket.on('error', () => {});
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  socket.end(bytes.subarray(0, bytes.length >> 1));
  await once(socket, 'close');
  return said;
}

export interface HalfRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}
