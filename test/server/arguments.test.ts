import { describe, expect, test } from 'vitest'
import { readArguments } from '../../src/server/arguments.ts'

describe('a command line', () => {
  test.each([
    [[], { command: 'serve', flags: {} }],
    [['serve'], { command: 'serve', flags: {} }],
    [['doctor', '--port', '0'], { command: 'doctor', flags: { '--port': '0' } }],
    [['--port=0', '--host', '::1'], { command: 'serve', flags: { '--port': '0', '--host': '::1' } }],
    [['--port', '1', '--port', '2'], { command: 'serve', flags: { '--port': '2' } }],
    [['--trust-proxy'], { command: 'serve', flags: { '--trust-proxy': 'true' } }],
    [['--trust-proxy=false', 'migrate'], { command: 'migrate', flags: { '--trust-proxy': 'false' } }],
    [['--help'], { command: 'help', flags: {} }],
    [['serve', '-h'], { command: 'help', flags: {} }],
    [['help'], { command: 'help', flags: {} }],
    [['--version'], { command: 'version', flags: {} }],
    [['-v'], { command: 'version', flags: {} }],
  ])('%j is understood', (argv, expected) => {
    expect(readArguments(argv)).toEqual(expected)
  })

  test.each([
    [['--prot', '80'], '--prot: no such flag, did you mean --port?'],
    [['--databse-url=x'], '--databse-url: no such flag, did you mean --database-url?'],
    [['--colour'], '--colour: no such flag; parley --help lists them'],
    [['-p', '80'], '-p: no such flag; parley --help lists them'],
    [['migarte'], 'migarte: no such command, did you mean migrate?'],
    [['constructor'], 'constructor: no such command; parley --help lists them'],
    [['serve', 'doctor'], 'doctor: one command is enough, got serve and doctor'],
    [['--port'], '--port: got nothing, takes a value'],
    [
      ['--access-token', 'x'],
      '--access-token: flags can be read by everybody on this machine, set PARLEY_ACCESS_TOKEN in the environment instead',
    ],
  ])('%j is refused with advice', (argv, message) => {
    expect(() => readArguments(argv)).toThrow(message)
  })
})
