/** The storage ports in memory, with the compare-and-swap of the real ones. */
import { concat } from '@auths/core/encoding/bytes';
import type {
  AttestationStore,
  EventLog,
  Prefix,
  Said,
  StoredEvent,
  StoredLog,
  StoredRecord,
} from '@auths/core/ports';

export interface MemoryLog extends EventLog {
  /** Called before each append and each recovery: a test may slip another writer in. */
  beforeAppend?: () => Promise<void>;
}

/** Lets `action` come between what the next writer has read and what it appends. */
export function beforeNextAppend(log: MemoryLog, action: () => Promise<unknown>): void {
  log.beforeAppend = async () => {
    delete log.beforeAppend;
    await action();
  };
}

export function createMemoryLog(): MemoryLog {
  const logs = new Map<Prefix, readonly StoredEvent[]>();
  const view = (prefix: Prefix): StoredLog | null => {
    const events = logs.get(prefix);
    const tip = events?.at(-1);
    if (events === undefined || tip === undefined) return null;
    const parts = events.flatMap(({ event, attachments }) => [event, new TextEncoder().encode(attachments)]);
    return { prefix, stream: concat(...parts), tip: tip.said, version: `${events.length}:${tip.said}` };
  };
  const log: MemoryLog = {
    async read(prefix) {
      return view(prefix);
    },
    async list() {
      return [...logs.keys()];
    },
    async append(prefix, expected, events) {
      await log.beforeAppend?.();
      if ((view(prefix)?.version ?? null) !== expected) return null;
      logs.set(prefix, [...(logs.get(prefix) ?? []), ...events]);
      return view(prefix);
    },
    async supersede(prefix, expected, from, events) {
      await log.beforeAppend?.();
      if (view(prefix)?.version !== expected) return null;
      logs.set(prefix, [...(logs.get(prefix) ?? []).slice(0, from), ...events]);
      return view(prefix);
    },
  };
  return log;
}

export function createMemoryRecords(): AttestationStore {
  const records = new Map<string, StoredRecord[]>();
  return {
    async list(issuer) {
      return records.get(issuer) ?? [];
    },
    async put(issuer, added) {
      const before = records.get(issuer) ?? [];
      const names = new Set(added.map(nameOf));
      records.set(issuer, [...before.filter((one) => !names.has(nameOf(one))), ...added]);
    },
  };
}

function nameOf({ digest, sealedAt }: { readonly digest: Said; readonly sealedAt: number | null }): string {
  return `${digest}-${sealedAt}`;
}
