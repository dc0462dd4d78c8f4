using Sos.Firewall.Tracking;
using Xunit;
using static Sos.Firewall.Tests.Tracking.Segment;

namespace Sos.Firewall.Tests.Tracking;

/// <summary>The four boundaries of segments, and what moves them.</summary>
public class TcpWindowTests
{
    private static readonly byte[] Scale7 = [1, 3, 3, 7];
    private static readonly byte[] SackPermitted = [4, 2];

    [Theory]
    [InlineData(101u, 501u, 10, TcpFinding.Belongs)]
    [InlineData(1101u, 501u, 1, TcpFinding.Belongs)] // begins at the window's end
    [InlineData(1102u, 501u, 1000, TcpFinding.Invalid)] // more than a window beyond
    [InlineData(5000u, 501u, 1, TcpFinding.Invalid)]
    [InlineData(101u, 502u, 1, TcpFinding.Invalid)] // acknowledges what was not sent
    [InlineData(4_294_966_396u, 501u, 0, TcpFinding.Belongs)] // 1000 before: came late
    public void A_Segment_Is_Held_To_What_Both_Ends_Said(uint sequence, uint acknowledged, int data, TcpFinding finding)
        => Assert.Equal(finding, TcpConversation.Open().Client(new Segment(Ack, sequence, acknowledged, Data: data)));

    [Fact]
    public void Liberal_Takes_All_Of_These()
    {
        TcpConversation both = TcpConversation.Open(isLiberal: true);
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 900_000, 501, Data: 10)));
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 101, 900_000, Data: 10)));
        Assert.Equal(TcpFinding.Invalid, both.Server(new Segment(Rst, 10))); // but for resets that are too old
    }

    [Fact]
    public void A_Bit_More_Than_Allowed_Belongs_And_May_Be_Acknowledged()
    {
        TcpConversation both = TcpConversation.Open();
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 1102, 501, Data: 100)));
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, 501, 1202)));
        Assert.Equal(TcpFinding.Invalid, both.Server(new Segment(Ack, 501, 1203)));
    }

    [Fact]
    public void Windows_Are_Scaled_If_Both_Ends_Offer_It()
    {
        TcpConversation both = TcpConversation.Open(clientOptions: Scale7, serverOptions: Scale7);
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, 501, 101, Window: 1000)));
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 100_000, 501, Data: 1000)));

        TcpConversation one = TcpConversation.Open(clientOptions: Scale7);
        Assert.Equal(TcpFinding.Belongs, one.Server(new Segment(Ack, 501, 101, Window: 1000)));
        Assert.Equal(TcpFinding.Invalid, one.Client(new Segment(Ack, 100_000, 501, Data: 1000)));
    }

    [Fact]
    public void A_Selective_Acknowledgment_Counts_Where_It_Was_Agreed_On()
    {
        byte[] beyond = [1, 1, 5, 10, 0, 0, 2, 88, 0, 0, 2, 98]; // 600 to 610, not sent
        Segment segment = new(Ack, 101, 501) { Options = beyond };
        Assert.Equal(TcpFinding.Invalid, TcpConversation.Open(serverOptions: SackPermitted).Client(segment));
        Assert.Equal(TcpFinding.Belongs, TcpConversation.Open().Client(segment));
    }

    [Fact]
    public void An_Acknowledgment_May_Come_Late_But_Not_Very()
    {
        TcpConversation both = TcpConversation.Open();
        for (uint at = 501; at < 501 + 80_000; at += 1000)
        {
            Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, at, 101, Data: 1000)));
            Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 101, at + 1000)));
        }

        Assert.Equal(TcpState.Established, both.State);
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Fin | Ack, 101, 501))); // 80,000 too late: belongs, and changes nothing
        Assert.Equal(TcpState.Established, both.State);
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Fin | Ack, 101, 20_501)));
        Assert.Equal(TcpState.FinWait, both.State);
    }

    [Theory]
    [InlineData(new byte[] { 3 })]
    [InlineData(new byte[] { 3, 0, 0, 0 })]
    [InlineData(new byte[] { 3, 1, 7, 7 })]
    [InlineData(new byte[] { 3, 40, 7, 7 })]
    [InlineData(new byte[] { 0, 3, 3, 7 })]
    [InlineData(new byte[] { 5, 9, 1, 2, 3, 4, 5, 6, 7 })]
    public void Options_Without_Sense_Offer_Nothing(byte[] options)
    {
        TcpConversation both = TcpConversation.Open(clientOptions: options, serverOptions: Scale7);
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, 501, 101) { Options = options }));
        Assert.Equal(TcpFinding.Invalid, both.Client(new Segment(Ack, 100_000, 501, Data: 1000)));
    }
}
