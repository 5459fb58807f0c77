/**
 * Machines on cables: network namespaces with virtual Ethernet between them, private addresses only, nothing of it
 * in the namespace that the tests run in. Needs root and `ip`; `nft` for machines that filter.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';

/** `auths-<pid>-<random>-<name>`: unique per run, and told apart from those of a run that died. */
const PREFIX = 'auths-net';

export interface Link {
  /** Machines of one segment hear each other; between segments only a router carries. */
  readonly segment: string;
  /** `10.77.0.1/24`. */
  readonly four?: string;
  /** `fd77::1/64`, unique-local. */
  readonly six?: string;
  /** `fe80::a/64`: without one there is no multicast over IPv6. */
  readonly linkLocal?: string;
}

export interface Host {
  readonly name: string;
  /** The words before a command that runs on this machine. */
  readonly within: readonly string[];
  /** Runs to its end here; stdout. Throws when it fails. */
  readonly exec: (...argv: readonly string[]) => string;
  /** `ip` of this machine, for what comes up during a test. */
  readonly ip: (command: string) => void;
  /** A packet filter on what comes in, one nftables rule each. */
  readonly filter: (...rules: readonly string[]) => void;
  /** Takes it away. */
  readonly unfilter: () => void;
}

export interface Network {
  /** A machine with one interface for each link, eth0 first. */
  readonly host: (name: string, ...links: readonly Link[]) => Host;
  /** Takes the cables and the machines away. Processes on them are their starter's to end. */
  readonly end: () => void;
}

const alive = new Set<() => void>();
process.on('exit', () => {
  for (const end of alive) end();
});

/** An empty network. */
export function createNetwork(): Network {
  removeLeftovers();
  const tag = `${PREFIX}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const spaces: string[] = [];
  const segments = new Set<string>();
  const add = (name: string): string => {
    const space = `${tag}-${name}`;
    ip(`netns add ${space}`);
    spaces.push(space);
    return space;
  };
  const end = (): void => {
    alive.delete(end);
    for (const space of spaces.splice(0)) quietly(() => ip(`netns del ${space}`));
  };
  alive.add(end);
  const cabinet = add('switch');
  let ports = 0;
  const bridge = (segment: string): string => {
    const name = `br-${segment}`;
    if (segments.has(segment)) return name;
    segments.add(segment);
    ip(`-n ${cabinet} link add ${name} type bridge mcast_snooping 0`);
    ip(`-n ${cabinet} link set ${name} addrgenmode none up`);
    return name;
  };
  const plug = (space: string, at: string, link: Link): void => {
    const port = `port${(ports += 1)}`;
    ip(`link add ${at} netns ${space} type veth peer name ${port} netns ${cabinet}`);
    ip(`-n ${cabinet} link set ${port} master ${bridge(link.segment)} addrgenmode none up`);
    ip(`-n ${space} link set ${at} addrgenmode none up`);
    // Without duplicate detection an address can be used at once.
    if (link.four !== undefined) ip(`-n ${space} addr add ${link.four} dev ${at}`);
    for (const six of [link.linkLocal, link.six])
      if (six !== undefined) ip(`-n ${space} addr add ${six} dev ${at} nodad`);
  };
  return {
    end,
    host: (name, ...links) => {
      const space = add(name);
      ip(`-n ${space} link set lo up`);
      for (const [i, link] of links.entries()) plug(space, `eth${i}`, link);
      const within = ['ip', 'netns', 'exec', space];
      const exec = (...argv: readonly string[]): string => run(...within, ...argv);
      return {
        name,
        within,
        exec,
        ip: (command) => ip(`-n ${space} ${command}`),
        filter: (...rules) => {
          exec('nft', 'add table inet test');
          exec('nft', 'add chain inet test in { type filter hook input priority 0; }');
          for (const rule of rules) exec('nft', `add rule inet test in ${rule}`);
        },
        unfilter: () => void exec('nft', 'delete table inet test'),
      };
    },
  };
}

/** Why no network can be made here; null when one can. */
export function noNetworkBecause(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root on Linux may make networks';
  try {
    const network = createNetwork();
    try {
      const probe = network.host('probe', { segment: 'a', four: '10.77.0.1/24', linkLocal: 'fe80::1/64' });
      probe.filter('tcp dport 1 drop');
    } finally {
      network.end();
    }
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function ip(command: string): void {
  run('ip', ...command.split(' '));
}

function run(...[program = '', ...argv]: readonly string[]): string {
  return execFileSync(program, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // It is gone already, which is what was wanted.
  }
}

/** What a run that was killed has left behind. */
function removeLeftovers(): void {
  const folder = '/run/netns';
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const pid = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) quietly(() => ip(`netns del ${name}`));
  }
}
