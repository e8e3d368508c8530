// Package configure owns what is done once per machine: configure, which leads from
// nothing to a profile of the AWS configuration that works with docker, and
// configure-docker, which enters registries in Docker's configuration.
//
// It never writes before the answers are complete and, in configure, the sign-in
// has succeeded; it never starts a program, prints or reads the environment by
// itself, and it leaves the bytes of the files to the rooms that own them. It may
// import the floors below it (floor 4): registry, env and hint; the file formats;
// awsclient and prompt, mostly as interfaces of its own. The command calls it.
package configure
