# What applications do with Net::Stomp: net_stomp.pl HOST PORT USER PASSWORD SCENARIO. Dies where anything is wrong.
use strict;
use warnings;
use Net::Stomp;

my ($host, $port, $user, $password, $scenario) = @ARGV;
my $patience_seconds = 15;

sub connected {
    my (%headers) = @_;
    my $stomp = Net::Stomp->new({ hostname => $host, port => $port, receipt_timeout => $patience_seconds });
    my $frame = $stomp->connect({ login => $user, passcode => $password, %headers });
    die "not connected: " . $frame->as_string unless $frame->command eq 'CONNECTED';
    return $stomp;
}

sub fresh_destination { return sprintf '/%s/test.perl.%d.%d', $_[0], $$, int(rand(1e9)) }

sub message_of {
    my ($stomp) = @_;
    my $frame = $stomp->receive_frame({ timeout => $patience_seconds }) or die 'nothing came';
    die 'no message: ' . $frame->as_string unless $frame->command eq 'MESSAGE';
    return $frame;
}

sub is {
    my ($actual, $expected) = @_;
    die "got '$actual' instead of '$expected'" unless $actual eq $expected;
}

my %scenarios = (
    send_and_acknowledge => sub {
        my $stomp = connected();
        my $destination = fresh_destination('queue');
        for my $number (1 .. 50) {
            $stomp->send_with_receipt({ destination => $destination, body => "job $number", persistent => 'true' })
              or die "no receipt for $number";
        }
        $stomp->subscribe({ destination => $destination, id => 1, ack => 'client', 'prefetch-count' => 5 });
        for my $number (1 .. 50) {
            my $frame = message_of($stomp);
            is($frame->body, "job $number");
            is($frame->headers->{persistent}, 'true');
            $stomp->ack({ frame => $frame });
        }
        $stomp->disconnect;
    },
    give_back => sub {
        my $stomp = connected();
        my $destination = fresh_destination('queue');
        $stomp->send({ destination => $destination, body => 'again' });
        $stomp->subscribe({ destination => $destination, id => 1, ack => 'client' });
        is(message_of($stomp)->headers->{redelivered}, 'false');
        $stomp->disconnect;
        my $other = connected();
        $other->subscribe({ destination => $destination, id => 1, ack => 'client' });
        my $frame = message_of($other);
        is($frame->headers->{redelivered}, 'true');
        is($frame->body, 'again');
        $other->ack({ frame => $frame });
        $other->disconnect;
    },
    transactions => sub {
        my $stomp = connected();
        my $destination = fresh_destination('queue');
        $stomp->send_transactional({ destination => $destination, body => 'committed' }) or die 'not committed';
        $stomp->subscribe({ destination => $destination, id => 1 });
        is(message_of($stomp)->body, 'committed');
        $stomp->disconnect;
    },
    binary_body => sub {
        my $stomp = connected('accept-version' => '1.2');
        my $destination = fresh_destination('topic');
        my $body = join('', map { chr } 0 .. 255) x 1000;
        $stomp->subscribe({ destination => $destination, id => 1 });
        $stomp->send({ destination => $destination, body => $body, bytes_message => 1 });
        my $frame = message_of($stomp);
        is($frame->headers->{'content-length'}, length $body);
        die 'another body' unless $frame->body eq $body;
        $stomp->disconnect;
    },
    errors => sub {
        my $stomp = Net::Stomp->new({ hostname => $host, port => $port });
        my $frame = $stomp->connect({ login => $user, passcode => 'not the password' });
        is($frame->command, 'ERROR');
        is($frame->headers->{message}, 'Bad CONNECT');
    },
);

$scenarios{$scenario}->();
print "fine\n";
