#!/usr/bin/env node
// The sources in a checkout, where .npmrc sets the condition; the built files everywhere else.
import "#main";
