using Sos.Firewall.Tracking;
using Xunit;

namespace Sos.Firewall.Tests.Tracking;

/// <summary>One connection under a tracker, without a table around it.</summary>
internal sealed class TcpConversation(bool isLiberal = false)
{
    private Flow _flow;

    public TcpState State => _flow.State;

    public bool IsAssured => (_flow.Status & FlowStatus.Assured) != 0;

    /// <summary>Seconds until the flow expires, as of the last segment.</summary>
    public uint SecondsLeft => (_flow.Expiry - Now) / 1000;

    public uint Now { get; set; }

    /// <summary>The first segment.</summary>
    public bool Begin(Segment segment)
    {
        TcpSegment first = segment.ToSegment();
        return TcpTracker.TryBegin(ref _flow, in first)
            && TcpTracker.Follow(ref _flow, FlowDirection.Original, in first, isLiberal, Now) == TcpFinding.Belongs;
    }

    public TcpFinding Client(Segment segment) => Follow(FlowDirection.Original, segment);

    public TcpFinding Server(Segment segment) => Follow(FlowDirection.Reply, segment);

    /// <summary>A connection behind its handshake: the client at sequence 101, the server at 501, both with windows of 1000.</summary>
    public static TcpConversation Open(bool isLiberal = false, byte[]? clientOptions = null, byte[]? serverOptions = null)
    {
        TcpConversation made = new(isLiberal);
        Assert.True(made.Begin(new Segment(Segment.Syn, 100) { Options = clientOptions ?? [] }));
        Assert.Equal(TcpState.SynSent, made.State);
        Assert.Equal(TcpFinding.Belongs, made.Server(new Segment(Segment.Syn | Segment.Ack, 500, 101) { Options = serverOptions ?? [] }));
        Assert.Equal(TcpState.SynReceived, made.State);
        Assert.Equal(TcpFinding.Belongs, made.Client(new Segment(Segment.Ack, 101, 501)));
        Assert.Equal(TcpState.Established, made.State);
        Assert.True(made.IsAssured);
        return made;
    }

    private TcpFinding Follow(FlowDirection direction, Segment segment)
    {
        TcpFinding finding = TcpTracker.Follow(ref _flow, direction, segment.ToSegment(), isLiberal, Now);
        if (finding == TcpFinding.Belongs && direction == FlowDirection.Reply)
        {
            _flow.Status |= FlowStatus.SeenReply;
        }

        return finding;
    }
}
