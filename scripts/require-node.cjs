// Loaded in front of every script (`node --require`), in syntax that any Node understands: says so when npm did not
// put the pinned Node on the path, instead of failing later on something that an older one does not know.
'use strict'

const wanted = 26
if (Number(process.versions.node.split('.')[0]) < wanted) {
  console.error(
    'Parley runs on Node ' +
      wanted +
      ', but this script was started by Node ' +
      process.versions.node +
      '.\n' +
      '`npm ci` installs the right one into node_modules/.bin: run it again (with optional dependencies and install\n' +
      'scripts enabled), or `npm rebuild --ignore-scripts`, and start scripts with `npm run`.',
  )
  process.exit(1)
}
