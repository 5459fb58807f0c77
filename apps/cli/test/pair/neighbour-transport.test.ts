import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PairingTransport } from '@auths/core/ports';
import { afterEach, describe, expect, it } from 'vitest';
import { createNeighbourTransport, type NeighbourTimes } from '../../src/lan/http-transport.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function neighbour(answer: RequestListener, times: NeighbourTimes): Promise<PairingTransport> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return createNeighbourTransport({ address: '127.0.0.1', family: 4, scope: null }, port, times);
}

describe('calls to a neighbour', () => {
  it('end in time although the answer drips for ever', async () => {
    let dropped = false;
    const transport = await neighbour(
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const drip = setInterval(() => response.write(' '), 20);
        response.once('close', () => {
          clearInterval(drip);
          dropped = true;
        });
      },
      { answerMs: 300 },
    );
    const started = performance.now();
    await expect(transport.send({ method: 'GET', path: '/' })).rejects.toMatchObject({
      code: 'network/unreachable',
      message: expect.stringContaining('no answer') as string,
    });
    expect(performance.now() - started).toBeLessThan(2_000);
    await expect.poll(() => dropped).toBe(true);
  });

  it('may take longer than connecting may, on a connection that is used again as well', async () => {
    const ports = new Set<number | undefined>();
    const transport = await neighbour(
      (request, response) => {
        ports.add(request.socket.remotePort);
        setTimeout(() => response.end('{}'), 600);
      },
      { connectMs: 200 },
    );
    for (let call = 0; call < 3; call += 1) {
      expect(await transport.send({ method: 'GET', path: '/' })).toMatchObject({ status: 200 });
    }
    expect(ports.size).toBe(1);
  });
});
