#!/usr/bin/perl
# A right server in Perl, with nothing but what comes with it: HTTP/1.0, a connection for each request, one after the other.
#
#     perl conformance/servers/orders.pl
#
# It takes orders at /orders, and tells their number at /effects.
use strict;
use warnings;
use IO::Socket::INET;
use JSON::PP;

my $json = JSON::PP->new->canonical->allow_nonref;
my ($orders, %records) = (0);
$SIG{PIPE} = 'IGNORE';

my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 128, ReuseAddr => 1) or die $!;
$| = 1;
print 'http://127.0.0.1:', $server->sockport, "\n";

while (my $caller = $server->accept) {
  my $response = answer($caller);
  print $caller $response if defined $response;
  close $caller;
}

sub response {
  my ($status, $body, %headers) = @_;
  my $head = join '', map { "$_: $headers{$_}\r\n" } sort keys %headers;
  return "HTTP/1.0 $status -\r\n${head}Content-Length: " . length($body) . "\r\n\r\n$body";
}

sub refused {
  my ($status, $title) = @_;
  my $body = $json->encode({ type => 'https://example.com/keys', title => $title });
  return response($status, $body, 'Content-Type' => 'application/problem+json', 'Retry-After' => 1);
}

# The key of a request; undef for none, or a broken one.
sub read_key {
  my @values = @_;
  return undef if @values != 1;
  my $key = $values[0] =~ /^"([\x21\x23-\x7e]+)"(?: *; *[a-z]+(?:=[a-z0-9]+)?)*$/ ? $1
    : $values[0] =~ /^([\x21\x23-\x2b\x2d-\x7e]+)$/ ? $1 : undef;
  return defined $key && length $key <= 255 ? $key : undef;
}

sub answer {
  my ($caller) = @_;
  my ($method, $path, $query) = (<$caller> // '') =~ m{^(\S+) ([^ ?]*)(?:\?(\S*))? HTTP/1\.} or return undef;
  my %headers;
  while (defined(my $line = <$caller>)) {
    last if $line eq "\r\n";
    push @{ $headers{ lc $1 } }, $2 if $line =~ /^([^:]+):[ \t]*(.*?)[ \t]*\r\n$/;
  }
  return response(200, $orders) if $method eq 'GET' && $path eq '/effects';
  my $length = $headers{'content-length'}[0] // 0;
  return refused(411, 'no length') if $headers{'transfer-encoding'};
  my $body = '';
  while (length $body < $length) {
    # Half a request is none.
    return undef unless read $caller, $body, $length - length $body, length $body;
  }
  return refused(404, 'nothing here') if $method ne 'POST' || $path ne '/orders';
  my ($account) = ($headers{authorization}[0] // '') =~ /^(\S+)/ or return refused(401, 'who are you?');
  my $key = read_key(@{ $headers{'idempotency-key'} // [] }) // return refused(400, 'no key, or a broken one');
  my $order = eval { $json->decode($body) } // return refused(400, 'no JSON');
  my ($type) = ($headers{'content-type'}[0] // '') =~ /^([^;]*)/;
  my $content = join "\n", $json->encode($order), $type, sort split /&/, $query // '';
  my $known = $records{"$account $key"};
  if ($known) {
    return refused(422, 'another request has this key') if $known->{content} ne $content;
    return response(@{ $known->{result} }, 'Idempotent-Replayed' => 'true');
  }
  $orders += 1;
  my @result = $order->{fail}
    ? (500, '{"title":"failed"}', 'Content-Type' => 'application/problem+json')
    : (201, $json->encode({ id => $orders, order => $order }), 'Content-Type' => 'application/json');
  $records{"$account $key"} = { content => $content, result => \@result };
  return response(@result);
}
