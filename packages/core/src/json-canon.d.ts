declare module 'json-canon' {
  export default function canonicalize(value: unknown): string;
}
