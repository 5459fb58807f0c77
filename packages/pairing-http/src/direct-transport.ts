/** The LAN host's own calls: straight into the routes, without a socket and outside the address limits. */
import type { PairingTransport } from '@auths/core/ports';
import type { PairingHttpDeps } from './http.ts';
import { handlePairing } from './routes.ts';

/** A `PairingTransport` onto routes in this process. `remoteAddress` is what limits would count (tests set it, with `local: false`). */
export function createDirectTransport(
  deps: PairingHttpDeps,
  as: { readonly local: boolean; readonly remoteAddress: string } = { local: true, remoteAddress: 'host' },
): PairingTransport {
  return {
    async send(request, signal) {
      const [path = '', query] = request.path.split('?');
      const members = query === undefined ? [] : query.split('&').map((pair) => pair.split('='));
      const response = await handlePairing(
        deps,
        {
          method: request.method,
          path,
          query: Object.fromEntries(members.map(([name = '', value = '']) => [name, value])),
          headers: { authorization: request.authorization },
          // A copy, as a wire would make: neither side may see the other's later changes.
          ...(request.body === undefined ? {} : { body: structuredClone(request.body) }),
          ...as,
        },
        signal,
      );
      if (signal?.aborted === true) throw signal.reason;
      const retryAfter = Number(response.headers['retry-after']);
      return {
        status: response.status,
        body: structuredClone(response.body),
        ...(Number.isFinite(retryAfter) ? { retryAfter } : {}),
      };
    },
  };
}
