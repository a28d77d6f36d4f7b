import packageJson from '../../package.json' with { type: 'json' }

/** Version of this release, as `1.2.3`. */
export const version: string = packageJson.version
