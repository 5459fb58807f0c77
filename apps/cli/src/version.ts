/** The version of the program; the build replaces the constant with the one of package.json. */
declare const AUTHS_VERSION: string | undefined;

export const version: string = typeof AUTHS_VERSION === 'string' ? AUTHS_VERSION : '0.0.0-dev';
