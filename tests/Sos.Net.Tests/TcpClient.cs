using System.Collections.Generic;
using System.Linq;
using Sos.Net.Wire;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Net.Tests;

/// <summary>A peer of which a test decides each segment.</summary>
internal sealed class TcpClient(TestEndpoint endpoint, ushort port = 40000, bool isIpv4 = true, IpAddress? source = null)
{
    private const ushort ServerPort = 23;

    public uint Sequence { get; set; } = 1000;

    /// <summary>The number that is expected next.</summary>
    public uint Expected { get; set; }

    public ushort Window { get; set; } = 32768;

    public bool HasTimestamps { get; private set; }

    public uint Clock { get; set; } = 5000;

    public uint PeerClock { get; private set; }

    /// <summary>Opens a connection.</summary>
    public Sent Open(TcpOptions options = default)
    {
        Sent answer = Assert.Single(Syn(options));
        Assert.Equal(TcpFlags.Syn | TcpFlags.Ack, answer.Header.Flags);
        Assert.Equal(Sequence + 1, answer.Header.Acknowledgment);
        HasTimestamps = options.HasTimestamp;
        PeerClock = answer.Options.Timestamp;
        Sequence++;
        Expected = answer.Header.Sequence + 1;
        return answer;
    }

    /// <summary>Opens a connection and acknowledges.</summary>
    public TcpClient Connect(TcpOptions options = default)
    {
        _ = Open(options);
        _ = Send(TcpFlags.Ack);
        return this;
    }

    public IReadOnlyList<Sent> Syn(TcpOptions options = default)
        => Read(endpoint.Give(Frames.Tcp(Header(TcpFlags.Syn) with { Acknowledgment = 0 }, default, options, isIpv4, source)));

    /// <summary>Sends a segment; the client's numbers move on with it.</summary>
    public IReadOnlyList<Sent> Send(TcpFlags flags, string text = "")
    {
        byte[] payload = [.. text.Select(character => (byte)character)];
        IReadOnlyList<Sent> answers = SendAt(Sequence, flags, payload);
        Sequence += (uint)payload.Length + (flags.HasFlag(TcpFlags.Fin) ? 1u : 0);
        return answers;
    }

    /// <summary>Sends a segment with another number.</summary>
    public IReadOnlyList<Sent> SendAt(uint sequence, TcpFlags flags, byte[] payload, uint? acknowledgment = null, TcpOptions options = default)
    {
        if (HasTimestamps)
        {
            options.HasTimestamp = true;
            options.Timestamp = Clock;
            options.TimestampEcho = PeerClock;
        }

        TcpHeader header = Header(flags) with { Sequence = sequence, Acknowledgment = acknowledgment ?? Expected };
        return Read(endpoint.Give(Frames.Tcp(header, payload, options, isIpv4, source)));
    }

    public IReadOnlyList<Sent> Run(ulong milliseconds) => Read(endpoint.Run(milliseconds));

    /// <summary>Takes the data of segments in order.</summary>
    public string Text(IReadOnlyList<Sent> segments)
    {
        string text = "";
        foreach (Sent segment in segments.Where(segment => segment.Header.Sequence == Expected))
        {
            text += string.Concat(segment.Payload.Select(value => (char)value));
            Expected += (uint)segment.Payload.Length + (segment.Has(TcpFlags.Fin) ? 1u : 0);
        }

        return text;
    }

    /// <summary>Whether the connection answers.</summary>
    public bool IsAlive() => Text(Send(TcpFlags.Ack | TcpFlags.Psh, "alive?")) == "alive?";

    public TcpHeader Header(TcpFlags flags) => new()
    {
        SourcePort = port,
        DestinationPort = ServerPort,
        Sequence = Sequence,
        Acknowledgment = Expected,
        Flags = flags,
        Window = Window,
    };

    private List<Sent> Read(IReadOnlyList<byte[]> frames)
    {
        List<Sent> all = [.. frames.Where(frame => frame[isIpv4 ? 23 : 20] == (byte)IpProtocol.Tcp).Select(Sent.Read)];
        List<Sent> segments = [.. all.Where(segment => segment.Header.DestinationPort == port)];
        PeerClock = segments.Count > 0 ? segments[^1].Options.Timestamp : PeerClock;
        return segments;
    }
}
