#!/usr/bin/env node
// The sources in a checkout, where .npmrc sets the condition; what was built of them everywhere else.
import "#main";
