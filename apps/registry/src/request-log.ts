/**
 * What a log line may say about a request: the route, never the path. A path can hold a nameplate, or a
 * whole code typed by someone with an old client; tokens and bodies are never looked at here.
 */

const ROUTES: readonly (readonly [RegExp, string])[] = [
  [/^\/$/, '/'],
  [/^\/health$/, '/health'],
  [/^\/ready$/, '/ready'],
  [/^\/pair$/, '/pair'],
  [/^\/v1\/pairing\/sessions$/, '/v1/pairing/sessions'],
  [/^\/v1\/pairing\/sessions\/by-code\//, '/v1/pairing/sessions/by-code/*'],
  [/^\/v1\/pairing\/sessions\/[0-9a-f]{32}$/, '/v1/pairing/sessions/{id}'],
  [
    /^\/v1\/pairing\/sessions\/[0-9a-f]{32}\/(?:response|confirm|confirmation|messages|complete|ws)$/,
    '/v1/pairing/sessions/{id}/',
  ],
  [/^\/v1\/witness$/, '/v1/witness'],
  [/^\/v1\/witness\/[^/]+\/events$/, '/v1/witness/{prefix}/events'],
  [/^\/v1\/witness\/[^/]+\/receipts\//, '/v1/witness/{prefix}/receipts/{said}'],
];

/** The route that a raw path belongs to; `(other)` for whatever is not ours, so that no stranger writes into the log. */
export function routeOf(path: string): string {
  const found = ROUTES.find(([pattern]) => pattern.test(path));
  if (found === undefined) return '(other)';
  return found[1].endsWith('{id}/') ? `${found[1]}${path.slice(path.lastIndexOf('/') + 1)}` : found[1];
}
