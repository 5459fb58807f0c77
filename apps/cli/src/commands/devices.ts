/** `auths devices list` and `show`. */
import { CAPABILITY_WORDS } from '@auths/core/attestation/capability';
import { AuthsError } from '@auths/core/errors';
import { readAllowList } from '@auths/key-store/allow-list';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { noIdentity } from '../composition.ts';
import { readDeviceKey } from '../home/device-key.ts';
import { readIdentityView, type IdentityView } from '../home/identity-view.ts';
import { deviceJson, devicesView, deviceView, type DeviceJson } from '../views/devices.ts';

export const devicesList: CommandSpec = defineCommand({
  examples: [
    { command: 'auths devices', what: 'the devices that may sign' },
    { command: 'auths devices --all', what: 'the revoked ones too' },
    { command: 'auths devices --json', what: 'every device, for scripts' },
  ],
  flags: { all: { kind: 'switch', summary: 'show revoked devices too' } },
  arguments: [],
  async run(context, { flags }) {
    const { view, devices } = await knownDevices(context);
    const shown = flags.all ? devices : devices.filter(({ status }) => status !== 'revoked');
    return {
      data: { controller_did: view.controllerDid, devices },
      text: devicesView(context, view.controllerDid, shown, devices.length - shown.length),
    };
  },
});

export const devicesShow: CommandSpec = defineCommand({
  examples: [
    { command: 'auths devices show laptop', what: 'by its name' },
    { command: 'auths devices show laptop-key', what: 'by its alias' },
    { command: 'auths devices show did:key:z6Mk…', what: 'by its DID' },
  ],
  flags: {},
  arguments: [{ name: 'DEVICE', summary: 'a name, an alias (<name>-key) or a did:key', required: true }],
  async run(context, { words }) {
    const { view, devices } = await knownDevices(context);
    const device = findByName(devices, words[0] as string);
    const may = device.capabilities.map(
      (name) => (CAPABILITY_WORDS as Readonly<Record<string, string>>)[name] ?? name,
    );
    return {
      data: { controller_did: view.controllerDid, device: { ...device, alias: `${device.name}-key` } },
      text: deviceView(context, device, may),
    };
  },
});

async function knownDevices(
  context: Context,
): Promise<{ readonly view: IdentityView; readonly devices: readonly DeviceJson[] }> {
  const view = await readIdentityView(context.home);
  if (view === null) throw noIdentity(context.home);
  const thisDid = readDeviceKey(context.home)?.did ?? null;
  const now = context.clock.now();
  const devices = view.devices.map((device) => deviceJson(device, thisDid, now));
  return { view, devices: [...devices, ...(await provisional(context, view))] };
}

/** Paired but not acknowledged yet: on the allow-list, not in the log. */
async function provisional(context: Context, view: IdentityView): Promise<readonly DeviceJson[]> {
  if (view.role !== 'controller') return [];
  const listed = await readAllowList(context.home);
  return listed
    .filter(
      ({ status, device_did }) =>
        status === 'provisional' && !view.devices.some(({ did }) => did === device_did),
    )
    .map((entry) => ({
      did: entry.device_did,
      name: entry.name,
      status: 'provisional',
      this_device: false,
      capabilities: [],
      issued_at: entry.created_at,
      expires_at: null,
      revoked_at: null,
      reason: null,
      last_seen_at: null,
    }));
}

/** The rule of findDevice in core, over what the list shows. */
function findByName(devices: readonly DeviceJson[], wanted: string): DeviceJson {
  const exact = devices.find(({ did }) => did === wanted);
  if (exact !== undefined) return exact;
  let named = devices.filter(({ name }) => name === wanted);
  if (named.length === 0) named = devices.filter(({ name }) => `${name}-key` === wanted);
  const live = named.filter(({ status }) => status !== 'revoked');
  if (named.length > 1 && live.length > 0) named = live;
  const [device, ...others] = named;
  if (device === undefined) {
    throw new AuthsError('device/not-found', `no device is called "${wanted}"`, {
      hint: 'auths devices --all',
      details: { device: wanted },
    });
  }
  if (others.length > 0) {
    throw new AuthsError('device/ambiguous', `${named.length} devices are called "${wanted}"`, {
      hint: `name it by its DID: ${named.map(({ did }) => did).join(' or ')}`,
      details: { device: wanted },
    });
  }
  return device;
}
