#!/usr/bin/tclsh
# A right server in Tcl, in one loop of events: HTTP/1.1, and a connection ends after each response, without a word about it.
#
#     tclsh conformance/servers/orders.tcl
#
# It takes orders at /orders, and tells their number at /effects. It has no parser for JSON: two layouts of one order are two.
set orders 0
array set records {}

proc respond {caller status headers body} {
  set lines [list "HTTP/1.1 $status -"]
  foreach {name value} $headers { lappend lines "$name: $value" }
  lappend lines "Content-Length: [string length $body]" "" $body
  # A caller may have hung up.
  catch { puts -nonewline $caller [join $lines "\r\n"]; flush $caller }
  catch { close $caller }
}

proc refuse {caller status title} {
  respond $caller $status {Content-Type application/problem+json Retry-After 1} \
    "{\"type\":\"https://example.com/keys\",\"title\":\"$title\"}"
}

# The key of a request; empty for none, or a broken one.
proc read_key {values} {
  set value [lindex $values 0]
  set visible {[\x21\x23-\x2b\x2d-\x7e]}
  if {[llength $values] != 1} { return "" }
  if {![regexp {^"([\x21\x23-\x7e]+)"( *; *[a-z]+(=[a-z0-9]+)?)*$} $value -> key]
      && ![regexp {^([\x21\x23-\x2b\x2d-\x7e]+)$} $value -> key]} { return "" }
  return [expr {[string length $key] <= 255 ? $key : ""}]
}

proc accept {caller host port} {
  fconfigure $caller -blocking 0 -translation binary -buffering full
  set ::received($caller) ""
  fileevent $caller readable [list receive $caller]
}

proc receive {caller} {
  append ::received($caller) [read $caller]
  set ended [eof $caller]
  set at [string first "\r\n\r\n" $::received($caller)]
  if {$at >= 0} {
    set lines [split [string map {"\r\n" "\n"} [string range $::received($caller) 0 $at-1]] "\n"]
    array set headers {}
    foreach line [lrange $lines 1 end] {
      if {[regexp {^([^:]+):[ \t]*(.*?)[ \t]*$} $line -> name value]} { lappend headers([string tolower $name]) $value }
    }
    set length [expr {[info exists headers(content-length)] ? [lindex $headers(content-length) 0] : 0}]
    set body [string range $::received($caller) $at+4 end]
    if {[string length $body] >= $length} {
      fileevent $caller readable {}
      unset ::received($caller)
      return [answer $caller [lindex $lines 0] [array get headers] [string range $body 0 $length-1]]
    }
  }
  # Half a request is none.
  if {$ended} { unset ::received($caller); close $caller }
}

proc answer {caller line pairs body} {
  global orders records
  array set headers $pairs
  lassign [split $line " "] method target
  lassign [split $target "?"] path query
  if {"$method $path" eq "GET /effects"} { return [respond $caller 200 {} $orders] }
  if {[info exists headers(transfer-encoding)]} { return [refuse $caller 411 "no length"] }
  if {"$method $path" ne "POST /orders"} { return [refuse $caller 404 "nothing here"] }
  if {![info exists headers(authorization)]} { return [refuse $caller 401 "who are you?"] }
  set account [lindex [split [lindex $headers(authorization) 0] " "] 0]
  set key [read_key [expr {[info exists headers(idempotency-key)] ? $headers(idempotency-key) : {}}]]
  if {$key eq ""} { return [refuse $caller 400 "no key, or a broken one"] }
  if {![regexp {^\s*\{.*\}\s*$} $body]} { return [refuse $caller 400 "no JSON"] }
  set type [lindex [split [lindex $headers(content-type) 0] ";"] 0]
  set content [list $body $type [lsort [split $query "&"]]]
  set name [list $account $key]
  if {![info exists records($name)]} {
    set records($name) [list $content {}]
    return [after 5 [list work $caller $name $content $body]]
  }
  lassign $records($name) first result
  if {$first ne $content} { return [refuse $caller 422 "another request has this key"] }
  if {$result eq ""} { return [refuse $caller 409 "in progress"] }
  lassign $result status more text
  respond $caller $status [concat $more {Idempotent-Replayed true}] $text
}

proc work {caller name content body} {
  global orders records
  incr orders
  set result [expr {[string match {*"fail":true*} $body]
    ? [list 500 {Content-Type text/plain} "failed"]
    : [list 201 {Content-Type application/json} "{\"id\":$orders,\"order\":$body}"]}]
  set records($name) [list $content $result]
  respond $caller {*}$result
}

set server [socket -server accept -myaddr 127.0.0.1 0]
puts "http://127.0.0.1:[lindex [fconfigure $server -sockname] 2]"
flush stdout
vwait forever
