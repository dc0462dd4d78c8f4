using System;
using System.Linq;
using Sos.Net.Tcp;
using Sos.Net.Wire;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Net.Tests;

/// <summary>Segments of those who guess (RFC 5961), and of the past (RFC 7323).</summary>
public sealed class TcpAttackTests
{
    [Fact]
    public void AResetEndsAConnectionWithTheExactNumberAlone()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        Assert.Empty(client.SendAt(client.Sequence - 1, TcpFlags.Rst, []));
        Assert.Empty(client.SendAt(client.Sequence + 100_000, TcpFlags.Rst, []));
        Assert.Equal(client.Sequence, Assert.Single(client.SendAt(client.Sequence + 1, TcpFlags.Rst, [])).Header.Acknowledgment);
        Assert.True(client.IsAlive());
        Assert.Empty(client.SendAt(client.Sequence, TcpFlags.Rst, []));
        Assert.Equal(0, endpoint.Endpoint.Connections);
        Assert.Equal(1, endpoint.Context.Closed);
    }

    [Fact]
    public void ASynInAConnectionIsAskedBack()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        Assert.Equal(TcpFlags.Ack, Assert.Single(client.SendAt(client.Sequence, TcpFlags.Syn, [])).Header.Flags);
        Assert.Equal(TcpFlags.Ack, Assert.Single(client.SendAt(client.Sequence + 90_000, TcpFlags.Syn, [])).Header.Flags);
        Assert.True(client.IsAlive());
    }

    [Fact]
    public void AnAcknowledgmentOfWhatWasNeverSentIsAskedBackAndItsDataDropped()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        Sent answer = Assert.Single(client.SendAt(client.Sequence, TcpFlags.Ack, "evil"u8.ToArray(), client.Expected + 1));
        Assert.Equal(client.Sequence, answer.Header.Acknowledgment);
        answer = Assert.Single(client.SendAt(client.Sequence, TcpFlags.Ack, "evil"u8.ToArray(), client.Expected - 100_000));
        Assert.Equal(client.Sequence, answer.Header.Acknowledgment);
        Assert.Equal(0, endpoint.Context.Received);
        Assert.True(client.IsAlive());
    }

    [Fact]
    public void ChallengesHaveALimit()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        int answers = Enumerable.Range(0, 1000).Sum(i => client.SendAt(client.Sequence + 1 + (uint)(i % 1000), TcpFlags.Rst, []).Count);
        Assert.InRange(answers, 1, TcpLimits.ChallengesPerSecond);
        Assert.True(client.IsAlive());
    }

    [Fact]
    public void ASegmentOfThePastIsDropped()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect(new TcpOptions { HasTimestamp = true, Timestamp = 5000 });
        client.Clock = 6000;
        Assert.True(client.IsAlive());
        client.Clock = 5999;
        uint before = client.Sequence;
        Assert.Equal(before, Assert.Single(client.SendAt(before, TcpFlags.Ack, "old"u8.ToArray())).Header.Acknowledgment);
        client.Clock = 6001;
        Assert.True(client.IsAlive());
    }

    [Fact]
    public void AnEndBeyondTheWindowIsNone()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        _ = client.SendAt(client.Sequence + 40_000, TcpFlags.Ack | TcpFlags.Fin, []);
        _ = client.SendAt(client.Sequence + 10, TcpFlags.Ack | TcpFlags.Fin, []); // early: counts once all before it is there
        Assert.True(client.IsAlive());
        Assert.Equal(1, endpoint.Endpoint.Connections);
    }

    [Fact]
    public void AnswersGoWhereTheLastTrueSegmentCameFrom()
    {
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        MacAddress router = new(0x02_00_00_00_00_77);
        byte[] forged = Frames.Tcp(client.Header(TcpFlags.Ack) with { Sequence = client.Sequence + 50_000 }, "x"u8);
        router.Write(forged.AsSpan(6));
        Assert.Equal(TestEndpoint.HostMac, MacAddress.Read(Assert.Single(endpoint.Give(forged))));
        byte[] segment = Frames.Tcp(client.Header(TcpFlags.Ack), "x"u8);
        router.Write(segment.AsSpan(6));
        Assert.Equal(router, MacAddress.Read(Assert.Single(endpoint.Give(segment))));
    }

    [Fact]
    public void OptionsThatLieEndNothing()
    {
        byte[][] options =
        [
            [2, 0, 0, 0], [2, 1, 0, 0], [3, 255, 0, 0], [5, 8, 0, 0], [8, 3, 0, 0], [1, 1, 1, 2], [5, 3, 0, 0], [4, 3, 0, 0],
        ];
        using TestEndpoint endpoint = new();
        TcpClient client = new TcpClient(endpoint).Connect();
        foreach (byte[] bytes in options)
        {
            byte[] segment = new byte[24];
            (client.Header(TcpFlags.Ack) with { HeaderLength = 24 }).Write(segment);
            bytes.CopyTo(segment, 20);
            Assert.False(TcpOptions.TryParse(bytes, out _));
            Assert.Empty(endpoint.Give(Frames.TcpBytes(segment)));
        }

        Assert.True(client.IsAlive());
    }
}
