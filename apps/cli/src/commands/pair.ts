/** `auths pair`: adds a device to this identity, or, with --join, this device to another one's. */
import { defineCommand, type CommandSpec } from '../command.ts';
import { parseHostFlags, parseJoinFlags } from '../pairing/flags.ts';

/** After Ctrl+C: the other side is told, the mDNS record withdrawn, the server closed. */
const GRACE_MS = 5_000;

export const pair: CommandSpec = defineCommand({
  examples: [
    { command: 'auths pair', what: 'shows a QR code and a code for another device on this network' },
    { command: 'auths pair --join Z43-8JR', what: 'on the other device: joins; no init needed before' },
    { command: 'auths pair --join Z43-8JR --host http://192.168.1.20:8400', what: 'the same without mDNS' },
    {
      command: 'auths pair --registry https://auths.example.org',
      what: 'across networks, through a registry',
    },
    {
      command: 'auths pair --link --device-expires 90d',
      what: 'also by a link; the device ends in ninety days',
    },
    { command: 'auths pair --json', what: 'for scripts: one event a line, answers on stdin' },
  ],
  flags: {
    registry: { kind: 'value', hint: 'URL', summary: 'go through a registry instead of the local network' },
    'no-qr': { kind: 'switch', summary: 'show the code only' },
    'no-mdns': { kind: 'switch', summary: 'do not announce the session on the local network' },
    expiry: { kind: 'value', hint: 'S', summary: 'life of the session in seconds, 30 to 300 (default 300)' },
    capabilities: { kind: 'value', hint: 'LIST', summary: 'what the device may do (default sign_commit)' },
    offline: { kind: 'switch', summary: 'draw the QR code and open no server (to look at)' },
    bind: { kind: 'value', hint: 'ADDR', summary: 'address, or ADDR:PORT, to listen on; IPv6 in brackets' },
    'allow-host': { kind: 'list', hint: 'NAME', summary: 'a further host name that this host answers to' },
    confirm: { kind: 'switch', summary: 'ask before pairing a device that scanned the QR code' },
    join: {
      kind: 'value',
      hint: 'CODE',
      summary: 'join: the code, QR text or link of the host (- reads it from stdin)',
    },
    host: { kind: 'value', hint: 'URL', summary: 'join: address of the host, instead of searching for it' },
    name: { kind: 'value', hint: 'DEVICE', summary: 'join: name of this device (default: the host name)' },
    git: {
      kind: 'value',
      hint: 'SCOPE',
      summary: 'join: set git up for this repository, for all, or not',
      choices: ['local', 'global', 'none'],
    },
    timeout: { kind: 'value', hint: 'S', summary: 'seconds to wait for the other side' },
    'expect-host': {
      kind: 'value',
      hint: 'DID',
      summary: 'join: the identity that the host must have; stands for the question',
    },
    'expect-device': {
      kind: 'value',
      hint: 'DID',
      summary: 'the device that must answer; stands for the question',
    },
    'device-expires': {
      kind: 'value',
      hint: 'DURATION',
      summary: 'end of what the device may do: 90d, 12h, or a time (default: none)',
    },
    via: { kind: 'value', hint: 'DID', summary: 'not in this version' },
    pin: { kind: 'switch', summary: 'a code of 8 characters instead of 6' },
    long: { kind: 'switch', summary: 'a code of 12 characters, safe to read out anywhere' },
    link: { kind: 'switch', summary: 'a link to send as well; its fingerprint has to be typed here' },
  },
  arguments: [],
  more: 'The host compares a fingerprint with the other device unless the QR code was scanned. Nothing is granted before that.',
  events: true,
  graceMs: GRACE_MS,
  async run(context, { flags }) {
    if (flags.join !== undefined) {
      const settings = parseJoinFlags(flags);
      return (await import('../pairing/join.ts')).runJoin(context, settings, flags.join);
    }
    const settings = parseHostFlags(flags, context.clock.now());
    if (settings.offline) return (await import('../pairing/offline.ts')).runOffline(context, settings);
    return (await import('../pairing/host.ts')).runHost(context, settings);
  },
});
