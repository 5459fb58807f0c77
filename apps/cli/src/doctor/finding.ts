/** What one check of `auths doctor` found. */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'fixed' | 'skipped';
  readonly detail: string;
  /** What to type; null where there is nothing to do. */
  readonly hint: string | null;
}

export function ok(check: string, detail: string): Finding {
  return { check, status: 'ok', detail, hint: null };
}

export function fixed(check: string, detail: string): Finding {
  return { check, status: 'fixed', detail, hint: null };
}

export function warning(check: string, detail: string, hint: string | null): Finding {
  return { check, status: 'warning', detail, hint };
}

export function failed(check: string, detail: string, hint: string | null): Finding {
  return { check, status: 'failed', detail, hint };
}
