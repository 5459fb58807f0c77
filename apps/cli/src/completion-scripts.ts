/** Completion scripts for three shells. Each holds the whole tree, so that Tab starts no program. */

export type Shell = 'bash' | 'zsh' | 'fish';

export interface CompletionFlag {
  readonly name: string;
  readonly summary: string;
  readonly choices: readonly string[];
  readonly takesValue: boolean;
}

export interface CompletionCommand {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly CompletionFlag[];
}

export function completionScript(
  shell: Shell,
  commands: readonly CompletionCommand[],
  globals: readonly CompletionFlag[],
): string {
  if (shell === 'fish') return fish(commands, globals);
  return shell === 'bash' ? bash(commands, globals) : zsh(commands, globals);
}

/** path of words → what may follow: further words and flags. */
function tree(
  commands: readonly CompletionCommand[],
  globals: readonly CompletionFlag[],
): ReadonlyMap<string, readonly string[]> {
  const next = new Map<string, Set<string>>();
  const add = (path: string, word: string): void =>
    void (next.get(path) ?? next.set(path, new Set()).get(path))?.add(word);
  for (const { name, flags } of commands) {
    const words = name.split(' ');
    words.forEach((word, i) => {
      add(words.slice(0, i).join(' '), word);
    });
    for (const flag of [...flags, ...globals]) add(name, flag.name);
  }
  add('', 'help');
  add('', '--version');
  for (const flag of globals) add('', flag.name);
  return new Map([...next].map(([path, words]) => [path, [...words]]));
}

function choiceTable(
  commands: readonly CompletionCommand[],
): readonly (readonly [string, readonly string[]])[] {
  const choices = new Map<string, readonly string[]>();
  for (const { name, flags } of commands) {
    for (const flag of flags) if (flag.choices.length > 0) choices.set(`${name} ${flag.name}`, flag.choices);
  }
  return [...choices];
}

/** The loop that both shells share: skip flags, follow the words as far as they name a command. */
function walk(words: string, count: string, first: number): string {
  return `  local known='' word next i
  for ((i = ${first}; i < ${count}; i++)); do
    word=\${${words}[i]}
    [[ $word == -* ]] && continue
    next="\${known:+$known }$word"
    _auths_knows "$next" || break
    known=$next
  done`;
}

function cases(commands: readonly CompletionCommand[], globals: readonly CompletionFlag[]): string {
  const next = [...tree(commands, globals)];
  return `_auths_knows() {
  case "$1" in
${next
  .filter(([path]) => path !== '')
  .map(([path]) => `    ${quote(path)}) return 0 ;;`)
  .join('\n')}
  esac
  return 1
}
_auths_next() {
  case "$1" in
${next.map(([path, words]) => `    ${quote(path)}) echo ${quote(words.join(' '))} ;;`).join('\n')}
  esac
}
_auths_choices() {
  case "$1" in
${choiceTable(commands)
  .map(([key, words]) => `    ${quote(key)}) echo ${quote(words.join(' '))} ;;`)
  .join('\n')}
  esac
}`;
}

function bash(commands: readonly CompletionCommand[], globals: readonly CompletionFlag[]): string {
  return `# auths completion for bash
${cases(commands, globals)}
_auths() {
${walk('COMP_WORDS', 'COMP_CWORD', 1)}
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} list
  list=$(_auths_choices "$known $before")
  [[ -z $list ]] && list=$(_auths_next "$known")
  COMPREPLY=($(compgen -W "$list" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 0 && $current != -* ]] && COMPREPLY=($(compgen -f -- "$current"))
  return 0
}
complete -F _auths auths
`;
}

function zsh(commands: readonly CompletionCommand[], globals: readonly CompletionFlag[]): string {
  return `#compdef auths
# auths completion for zsh
${cases(commands, globals)}
_auths() {
${walk('words', 'CURRENT', 2)}
  local before=\${words[CURRENT-1]} list
  list=$(_auths_choices "$known $before")
  [[ -z $list ]] && list=$(_auths_next "$known")
  compadd -- \${=list}
  _files
}
if [[ \${funcstack[1]-} == _auths ]]; then _auths "$@"; else compdef _auths auths; fi
`;
}

function fish(commands: readonly CompletionCommand[], globals: readonly CompletionFlag[]): string {
  const lines = ['# auths completion for fish', 'complete -c auths -f'];
  const described = new Map<string, string>();
  for (const { name, summary } of commands) {
    const words = name.split(' ');
    described.set(name, summary);
    if (words.length > 1 && !described.has(words[0] as string))
      described.set(words[0] as string, `commands of ${words[0]}`);
  }
  for (const [name, summary] of described) {
    const words = name.split(' ');
    const last = words.pop() as string;
    const second = [...described.keys()]
      .filter((other) => other.startsWith(`${words[0] ?? ''} `))
      .map((other) => other.split(' ')[1]);
    const condition =
      words.length === 0
        ? '__fish_use_subcommand'
        : `__fish_seen_subcommand_from ${words[0]}; and not __fish_seen_subcommand_from ${second.join(' ')}`;
    lines.push(`complete -c auths -n ${quote(condition)} -a ${quote(last)} -d ${quote(summary)}`);
  }
  for (const { name, flags } of commands) {
    const condition = name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ');
    for (const flag of flags) lines.push(fishFlag(flag, `-n ${quote(condition)} `));
  }
  for (const flag of globals) lines.push(fishFlag(flag, ''));
  return `${lines.join('\n')}\n`;
}

function fishFlag(flag: CompletionFlag, condition: string): string {
  const choices = flag.choices.length > 0 ? ` -a ${quote(flag.choices.join(' '))}` : '';
  return `complete -c auths ${condition}-l ${flag.name.slice(2)}${flag.takesValue ? ' -r' : ''}${choices} -d ${quote(flag.summary)}`;
}

/** One word in single quotes; the summaries hold neither quotes nor backslashes that would need more in fish. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
