#!/usr/bin/perl
# Orders that are executed as often as they are sent: PORT=8080 perl examples/gateway/orders.pl
use strict;
use warnings;
use IO::Socket::INET;
use JSON::PP;

my $server = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1',
    LocalPort => $ENV{PORT} // 8080,
    Listen    => 128,
    ReuseAddr => 1,
) or die "can't listen: $@";
my $orders = 0;

while (my $client = $server->accept) {
    my ($head, $body) = ('', '');
    while (my $line = <$client>) {
        last if $line eq "\r\n";
        $head .= $line;
    }
    read $client, $body, $1 if $head =~ /^Content-Length: *(\d+)/mi;
    my ($status, $type, $answer, @headers) = $head =~ /^GET / ? (200, 'text/plain', "$orders\n") : place($body);
    print $client join "\r\n", "HTTP/1.1 $status", "Content-Type: $type", 'Content-Length: ' . length $answer,
        'Connection: close', @headers, '', $answer;
    close $client;
}

sub place {
    my $order = eval { decode_json(shift) };
    return (400, 'text/plain', "no JSON\n") unless ref $order;
    $orders++;
    return (500, 'text/plain', "failed\n") if $order->{fail};
    return (201, 'application/json', encode_json({ id => $orders, order => $order }), "Location: /orders/$orders",
        'Link: </orders>; rel=up', 'Link: </terms>; rel=terms-of-service', "Set-Cookie: order=$orders");
}
