using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Net.Tcp;
using Sos.Net.Wire;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Net.Tests;

/// <summary>Connections with data, losses, closed windows and silence.</summary>
public sealed class TcpDataTests
{
    private static readonly TcpOptions Sack = new() { SackPermitted = true, SegmentSizeMax = 1000 };

    [Fact]
    public void DataOutOfOrderIsPutInOrderAndNamed()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect(Sack);
        uint start = client.Sequence;
        Sent early = Assert.Single(client.SendAt(start + 6, TcpFlags.Ack, "world"u8.ToArray()));
        Assert.Equal(start, early.Header.Acknowledgment);
        Assert.Equal(new SequenceRange(start + 6, start + 11), early.Options.SackBlock(0));
        early = Assert.Single(client.SendAt(start + 20, TcpFlags.Ack, "?"u8.ToArray()));
        Assert.Equal(2, early.Options.SackCount);
        Assert.Equal(new SequenceRange(start + 20, start + 21), early.Options.SackBlock(0)); // the latest is the first: RFC 2018, 4
        IReadOnlyList<Sent> answers = client.SendAt(start, TcpFlags.Ack, "hello "u8.ToArray());
        Assert.Equal("hello world", client.Text(answers));
        Assert.Equal(start + 11, answers[^1].Header.Acknowledgment);
    }

    [Fact]
    public void WhatIsNotAcknowledgedIsSentAgainWithLongerAndLongerWaits()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        Assert.Single(client.Send(TcpFlags.Ack, "x"));
        List<ulong> times = [];
        for (ulong elapsed = 0; elapsed < 400_000; elapsed += 10)
        {
            if (client.Run(10).Any(segment => segment.Payload.Length == 1))
            {
                times.Add(elapsed);
            }
        }

        Assert.InRange(times.Count, 6, TcpLimits.TimeoutsMax);
        Assert.Equal(0, endpoint.Endpoint.Connections); // and given up in the end
        Assert.Equal(1, endpoint.Context.Closed);
        for (int i = 2; i < 6; i++)
        {
            Assert.InRange(times[i] - times[i - 1], (2 * (times[i - 1] - times[i - 2])) - 30, (2 * (times[i - 1] - times[i - 2])) + 30);
        }
    }

    [Fact]
    public void ThreeDuplicatesSendTheLostSegmentAtOnceAndBlocksTheHoles()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect(Sack);
        endpoint.Context.Chatter = 8000;
        IReadOnlyList<Sent> sent = client.Run(10);
        Assert.Equal(8, sent.Count);
        uint start = sent[0].Header.Sequence;

        // Lost: the first and the fourth.
        TcpOptions blocks = default;
        blocks.AddSackBlock(new SequenceRange(start + 1000, start + 2000));
        Assert.Empty(client.SendAt(client.Sequence, TcpFlags.Ack, [], start, blocks));
        blocks = default;
        blocks.AddSackBlock(new SequenceRange(start + 1000, start + 3000));
        Assert.Empty(client.SendAt(client.Sequence, TcpFlags.Ack, [], start, blocks));
        blocks.AddSackBlock(new SequenceRange(start + 4000, start + 5000));
        IReadOnlyList<Sent> again = client.SendAt(client.Sequence, TcpFlags.Ack, [], start, blocks);
        Assert.Equal([start, start + 3000], again.Select(segment => segment.Header.Sequence));
        Assert.All(again, segment => Assert.Equal(1000, segment.Payload.Length));
        Assert.Empty(client.SendAt(client.Sequence, TcpFlags.Ack, [], start + 8000));
        Assert.Empty(client.Run(5000));
    }

    [Fact]
    public void AClosedWindowIsProbedForAsLongAsThePeerAnswers()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint) { Window = 0 }.Connect();
        Assert.Equal("", client.Text(client.Send(TcpFlags.Ack, "hello")));
        int probes = 0;
        for (int i = 0; i < 60; i++)
        {
            foreach (Sent probe in client.Run(10_000).Where(segment => segment.Payload.Length > 0))
            {
                Assert.Single(probe.Payload);
                Assert.Empty(client.SendAt(client.Sequence, TcpFlags.Ack, []));
                probes++;
            }
        }

        Assert.InRange(probes, 10, 30);
        client.Window = 1000;
        Assert.Equal("hello", client.Text(client.Send(TcpFlags.Ack)));
    }

    [Fact]
    public void AfterALongClosedWindowALossIsOneLoss()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint) { Window = 0 }.Connect();
        Assert.Equal("", client.Text(client.Send(TcpFlags.Ack, "hello")));
        Assert.NotEmpty(Stall(endpoint, client, 20 * 60_000));

        // The window opens, and all that is sent into it is lost for a while.
        client.Window = 1000;
        Assert.NotEmpty(client.Send(TcpFlags.Ack));
        IReadOnlyList<Sent> again = client.Run(20_000);
        Assert.InRange(again.Count, 3, TcpLimits.TimeoutsMax);
        Assert.DoesNotContain(again, segment => segment.Has(TcpFlags.Rst));
        Assert.Equal("hello", client.Text([again[^1]]));
        _ = client.Send(TcpFlags.Ack);
        Assert.True(client.IsAlive());
    }

    [Fact]
    public void APeerThatAnswersAndNeverReadsIsGivenUp()
    {
        using TestEndpoint endpoint = new();
        endpoint.Context.Trusts = true;
        endpoint.Context.Chatter = 2 * TcpLimits.SendBufferSize;
        TcpClient client = new TcpClient(endpoint) { Window = 0 }.Connect();
        _ = Stall(endpoint, client, TcpLimits.StallMs - 60_000);
        Assert.Equal(1, endpoint.Endpoint.Connections);

        // It takes a probe's byte: its time begins anew.
        client.Expected++;
        _ = client.SendAt(client.Sequence, TcpFlags.Ack, []);
        _ = Stall(endpoint, client, TcpLimits.StallMs - 60_000);
        Assert.Equal(1, endpoint.Endpoint.Connections);
        Assert.True(Stall(endpoint, client, 180_000)[^1].Has(TcpFlags.Rst));
        Assert.Equal(0, endpoint.Endpoint.Connections);
        Assert.Equal(1, endpoint.Context.Closed);
    }

    [Fact]
    public void AWindowThatTheSessionOpensIsTold()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        endpoint.Context.IsStopped = true;
        Sent last = Assert.Single(client.Send(TcpFlags.Ack, new string('x', 1400)));
        for (int i = 0; last.Header.Window >= 1400; i++)
        {
            Assert.True(i < 20);
            last = Assert.Single(client.Send(TcpFlags.Ack, new string('x', 1400)));
        }

        // More than the window is not taken.
        uint before = last.Header.Acknowledgment;
        last = client.SendAt(client.Sequence, TcpFlags.Ack, new byte[1400])[^1];
        Assert.InRange(last.Header.Acknowledgment - before, 0u, 1400u);
        endpoint.Context.IsStopped = false;
        Assert.Contains(client.Run(100), segment => segment.Header.Window > 4000);
    }

    [Fact]
    public void APeerThatIsSilentIsAskedAndGivenUp()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        IReadOnlyList<Sent> questions = client.Run(61_000);
        Assert.Equal(client.Expected - 1, Assert.Single(questions).Header.Sequence);
        Assert.Empty(client.SendAt(client.Sequence, TcpFlags.Ack, []));
        Assert.Single(client.Run(61_000));
        IReadOnlyList<Sent> rest = client.Run(120_000);
        Assert.True(rest[^1].Has(TcpFlags.Rst));
        Assert.Equal(0, endpoint.Endpoint.Connections);
    }

    [Fact]
    public void AQuestionOfThePeersIsAnswered()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        Assert.Equal(client.Sequence, Assert.Single(client.SendAt(client.Sequence - 1, TcpFlags.Ack, [])).Header.Acknowledgment);
    }

    [Fact]
    public void ThePeersEndComesFirst()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        IReadOnlyList<Sent> answers = client.Send(TcpFlags.Ack | TcpFlags.Fin, "bye");
        Assert.Equal("bye", client.Text(answers));
        Assert.True(answers[^1].Has(TcpFlags.Fin) || client.Run(10).Any(segment => segment.Has(TcpFlags.Fin)));
        client.Expected = answers[0].Header.Sequence + 4;
        Assert.Empty(client.Send(TcpFlags.Ack));
        Assert.Equal(0, endpoint.Endpoint.Connections);
        Assert.Equal(1, endpoint.Context.Closed);
    }

    [Fact]
    public void OurEndComesFirstAndOldSegmentsDieBeforeTheFlowIsUsedAgain()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        endpoint.Context.Ends = true;
        Assert.True(Assert.Single(client.Run(10)).Has(TcpFlags.Fin));
        client.Expected++;
        Assert.Empty(client.Send(TcpFlags.Ack));
        Assert.True(Assert.Single(client.Send(TcpFlags.Ack | TcpFlags.Fin)).IsAckOf(client.Sequence));
        Assert.Equal(1, endpoint.Endpoint.Connections);

        // Its end again, and a reset (RFC 1337): the wait goes on.
        Assert.Single(client.SendAt(client.Sequence - 1, TcpFlags.Ack | TcpFlags.Fin, []));
        Assert.Empty(client.SendAt(client.Sequence, TcpFlags.Rst, []));
        Assert.Equal(1, endpoint.Endpoint.Connections);
        endpoint.Context.Ends = false;
        client.Sequence += 100_000;
        _ = client.Connect();
        Assert.True(client.IsAlive());
        Assert.Equal(1, endpoint.Endpoint.Connections);
    }

    [Fact]
    public void APeerThatNeverEndsIsNotWaitedForForEver()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        endpoint.Context.Ends = true;
        Assert.Single(client.Run(10));
        client.Expected++;
        Assert.Empty(client.Send(TcpFlags.Ack));
        _ = client.Run(61_000);
        Assert.Equal(0, endpoint.Endpoint.Connections);
    }

    [Fact]
    public void BothEndAtOnce()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        endpoint.Context.Ends = true;
        Assert.Single(client.Run(10));
        Assert.Single(client.Send(TcpFlags.Ack | TcpFlags.Fin)); // without acknowledging ours
        client.Expected++;
        Assert.Empty(client.Send(TcpFlags.Ack));
        _ = endpoint.Run(60_100);
        Assert.Equal(0, endpoint.Endpoint.Connections);
    }

    [Fact]
    public void ARouterThatSaysTooBigMakesSegmentsSmaller()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect(new TcpOptions { SegmentSizeMax = 1460 });
        endpoint.Context.Chatter = 1460;
        Sent large = Assert.Single(client.Run(10));
        Assert.Equal(1460, large.Payload.Length);
        _ = endpoint.Give(TooBig(client, large.Header.Sequence - 5000)); // a forged one does not know the number
        Assert.Empty(client.Run(10));
        IReadOnlyList<Sent> small = Sents(endpoint.Give(TooBig(client, large.Header.Sequence)));
        Assert.Equal([960, 500], small.Select(segment => segment.Payload.Length));
    }

    [Fact]
    public void TextOfAnotherLengthArrives()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint, isIpv4: false).Connect(new TcpOptions { HasTimestamp = true, Timestamp = 5000 });
        foreach (int length in (int[])[1, 2, 3, 535, 536, 537, 699, 700])
        {
            client.Clock++;
            string text = new('a', length);
            Assert.Equal(text, client.Text(client.Send(TcpFlags.Ack, text)));
            Assert.Empty(client.Send(TcpFlags.Ack));
        }
    }

    /// <summary>Answers each segment and acknowledges nothing, for a time.</summary>
    /// <returns>The segments that the endpoint sent.</returns>
    private static List<Sent> Stall(TestEndpoint endpoint, TcpClient client, ulong milliseconds)
    {
        List<Sent> all = [];
        for (ulong end = endpoint.Ms + milliseconds; endpoint.Ms < end && endpoint.Endpoint.Connections != 0;)
        {
            IReadOnlyList<Sent> sent = client.Run(10_000);
            all.AddRange(sent);
            if (sent.Count > 0 && !sent[^1].Has(TcpFlags.Rst))
            {
                all.AddRange(client.SendAt(client.Sequence, TcpFlags.Ack, []));
            }
        }

        return all;
    }

    private static List<Sent> Sents(IReadOnlyList<byte[]> frames) => [.. frames.Select(Sent.Read)];

    private static byte[] TooBig(TcpClient client, uint sequence)
    {
        byte[] quote = new byte[28];
        new Ipv4Header
        {
            HeaderLength = 20,
            TotalLength = 1500,
            Protocol = IpProtocol.Tcp,
            Source = TestEndpoint.Ipv4,
            Destination = TestEndpoint.HostIpv4,
        }.Write(quote);
        TcpHeader header = client.Header(TcpFlags.Ack);
        byte[] segment = new byte[20];
        (header with { SourcePort = header.DestinationPort, DestinationPort = header.SourcePort, Sequence = sequence, HeaderLength = 20 }).Write(segment);
        segment.AsSpan(0, 8).CopyTo(quote.AsSpan(20));
        byte[] message = [3, 4, 0, 0, 0, 0, 1000 >> 8, 1000 & 255, .. quote];
        ushort checksum = InternetChecksum.Compute(message);
        (message[2], message[3]) = ((byte)(checksum >> 8), (byte)checksum);
        return Frames.Ip(message, IpProtocol.Icmp, source: IpAddress.FromIpv4(0xc000_0201));
    }
}
