/** Every word of trouble that a pairing shows, and the test that brings it about. `docs/guides/troubleshooting.md` lists the same. */
export interface Trouble {
  /** What is seen on the screen, as it stands in the source. */
  readonly seen: string;
  /** The test that provokes it and looks for it. */
  readonly by: readonly [file: string, title: string];
}

const FAULTS = 'test/network/faults.test.ts';
const NETWORK = 'test/network/troubles.test.ts';
const REGISTRY = 'test/network/registry.test.ts';
const PAIRING = 'apps/cli/test/pair/pairing.test.ts';
const TROUBLES = 'apps/cli/test/pair/troubles.test.ts';
const EXPLAIN = 'apps/cli/test/pair/explain.test.ts';

export const troubles: readonly Trouble[] = [
  { seen: 'code not found', by: [TROUBLES, 'a code that the host at this address does not have'] },
  {
    seen: 'Enter it as it is shown there',
    by: [TROUBLES, 'a code that the host at this address does not have'],
  },
  {
    seen: 'with the same --registry ',
    by: [PAIRING, 'says what to check when the registry is not there, or does not know the code'],
  },
  {
    seen: 'no longer knows this session',
    by: [TROUBLES, 'a registry that was restarted under a waiting host'],
  },
  {
    seen: 'nothing was granted; run auths pair again for a fresh code',
    by: [TROUBLES, 'a registry that was restarted under a waiting host'],
  },
  {
    seen: 'run auths pair on the host again for a fresh code',
    by: [PAIRING, 'expires: 5 on the host after the thirty seconds that it was given'],
  },
  {
    seen: 'check the code and type it again; if it is right, someone is in between',
    by: [PAIRING, 'A17 A04 with a wrong code: exit 1, one attempt less, and the right code still pairs'],
  },
  {
    seen: 'the host does not answer to that name',
    by: [NETWORK, 'the host is called by a name that it does not answer to'],
  },
  {
    seen: 'the two programs may not speak the same version',
    by: [TROUBLES, 'a device of another version signs something else'],
  },
  { seen: 'and speaks auths-pair/1', by: [TROUBLES, 'a host of another version offers something else'] },
  {
    seen: 'run auths doctor on the host and then auths pair there again',
    by: [EXPLAIN, 'a host that is not the identity it names'],
  },
  { seen: 'see auths --version on the other device', by: [EXPLAIN, 'an answer that cannot be read'] },
  { seen: 'then run the same command again', by: [EXPLAIN, 'too many calls, with the time to wait'] },
  { seen: 'no longer answers', by: [FAULTS, 'the host dies while the joiner waits for its word'] },
  {
    seen: 'is auths-registry still running there?',
    by: [FAULTS, 'the registry ends while the joiner waits for the word of the host'],
  },
  {
    seen: 'has auths pair ended there, is the other device asleep',
    by: [
      FAULTS,
      'the cable is pulled in the middle: the joiner says so, and the answer that was given grants nothing',
    ],
  },
  { seen: 'cannot be reached: ', by: [FAULTS, 'there is no route to the host'] },
  {
    seen: 'no peer found: this machine is on no local network',
    by: [FAULTS, 'the joiner is on no network at all'],
  },
  {
    seen: 'connect it to the network of the other device and join again',
    by: [FAULTS, 'the joiner is on no network at all'],
  },
  {
    seen: 'no peer found on local network: nobody answered by mDNS',
    by: [FAULTS, 'multicast is blocked: no-peer that names --host, and --host pairs'],
  },
  {
    seen: 'is "auths pair" running on the other device, are both on the same subnet',
    by: [FAULTS, 'multicast is blocked: no-peer that names --host, and --host pairs'],
  },
  {
    seen: 'the local network cannot be searched: ',
    by: [NETWORK, 'another program has the port of mDNS, on the joiner'],
  },
  {
    seen: 'is "auths pair" still running there and is the port the one it shows',
    by: [FAULTS, 'a firewall on the host rejects what comes in'],
  },
  {
    seen: 'a firewall on the host, or a router that keeps Wi-Fi clients apart',
    by: [TROUBLES, 'what is there takes the connection and says nothing'],
  },
  {
    seen: 'is the address the one that the host shows, and is that device awake',
    by: [FAULTS, 'nobody has the address that was typed'],
  },
  { seen: 'this device is not on the network of the host', by: [FAULTS, 'there is no route to the host'] },
  { seen: 'use the address that the host shows instead of a name.', by: [NETWORK, 'there is no such name'] },
  {
    seen: 'a firewall or a permission on this device stands in the way.',
    by: [NETWORK, 'this machine does not let the connection out'],
  },
  {
    seen: 'from here. Are both devices on the same subnet',
    by: [TROUBLES, 'another program has the port of the host'],
  },
  {
    seen: 'Does a firewall there let that port in?',
    by: [NETWORK, 'a registry behind a firewall stays silent'],
  },
  { seen: 'Is this machine connected?', by: [NETWORK, 'there is no way to the network of a registry'] },
  { seen: 'is auths-registry running there?', by: [NETWORK, 'a registry behind a firewall stays silent'] },
  {
    seen: 'localhost means this machine only',
    by: [PAIRING, 'says what to check when the registry is not there, or does not know the code'],
  },
  {
    seen: 'the machine refuses the connection',
    by: [FAULTS, 'a firewall on the host rejects what comes in'],
  },
  {
    seen: 'no answer at all',
    by: [FAULTS, 'a firewall on the host drops what comes in, and the host was found %s'],
  },
  { seen: 'no device answers to that address', by: [FAULTS, 'nobody has the address that was typed'] },
  {
    seen: 'this machine has no route to that network',
    by: [NETWORK, 'there is no way to the network of a registry'],
  },
  { seen: 'there is no such name', by: [NETWORK, 'there is no such name'] },
  {
    seen: 'this machine does not let the connection out',
    by: [NETWORK, 'this machine does not let the connection out'],
  },
  { seen: 'could not connect', by: [TROUBLES, 'another program has the port of the host'] },
  { seen: 'no pairing host answers', by: [TROUBLES, 'what is there takes the connection and says nothing'] },
  { seen: 'no local network was found', by: [NETWORK, 'the host is on no local network'] },
  {
    seen: '; the other device needs --host',
    by: [NETWORK, 'another program has the port of mDNS, on the host'],
  },
  {
    seen: 'the offer is not one of auths-pair/1',
    by: [TROUBLES, 'a host of another version offers something else'],
  },
  {
    seen: 'localhost means this machine only: another device needs the address',
    by: [
      REGISTRY,
      'on the machine of the host: localhost works there, and the screen says that it does nowhere else',
    ],
  },
];
