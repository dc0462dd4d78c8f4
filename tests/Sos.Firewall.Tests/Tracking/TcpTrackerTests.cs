using System;
using System.Linq;
using Sos.Firewall.Tracking;
using Xunit;
using static Sos.Firewall.Tests.Tracking.Segment;

namespace Sos.Firewall.Tests.Tracking;

/// <summary>TCP's states by sequences of segments, with the times and exceptions that nf_conntrack has for them.</summary>
public class TcpTrackerTests
{
    [Fact]
    public void An_Orderly_Connection_Goes_Through_The_States_And_Times_Of_Linux()
    {
        TcpConversation both = new();
        Assert.True(both.Begin(new Segment(Syn, 100)));
        Assert.Equal((TcpState.SynSent, 120u), (both.State, both.SecondsLeft));
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Syn | Ack, 500, 101)));
        Assert.Equal((TcpState.SynReceived, 60u), (both.State, both.SecondsLeft));
        Assert.False(both.IsAssured);
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 101, 501)));
        Assert.Equal((TcpState.Established, 432_000u), (both.State, both.SecondsLeft));
        Assert.True(both.IsAssured);

        Assert.Equal(TcpFinding.Invalid, both.Client(new Segment(Syn | Ack, 101, 501))); // the end that asked does not answer itself

        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 101, 501, Data: 50)));
        Assert.Equal((TcpState.Established, 300u), (both.State, both.SecondsLeft)); // not acknowledged yet
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, 501, 151)));
        Assert.Equal((TcpState.Established, 432_000u), (both.State, both.SecondsLeft));

        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Fin | Ack, 151, 501)));
        Assert.Equal((TcpState.FinWait, 120u), (both.State, both.SecondsLeft));
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, 501, 152)));
        Assert.Equal((TcpState.CloseWait, 60u), (both.State, both.SecondsLeft));
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Fin | Ack, 501, 152)));
        Assert.Equal((TcpState.LastAck, 30u), (both.State, both.SecondsLeft));
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 152, 502)));
        Assert.Equal((TcpState.TimeWait, 120u), (both.State, both.SecondsLeft));

        // RFC 1122, 4.2.2.13: a SYN may open a connection anew in TIME-WAIT, of either end.
        Assert.Equal(TcpFinding.Reopens, both.Client(new Segment(Syn, 9000)));
        Assert.Equal(TcpFinding.Reopens, both.Server(new Segment(Syn, 9000)));
    }

    [Theory]
    [InlineData(Syn, true)]
    [InlineData(Syn | Urg, true)]
    [InlineData(Ack, true)]
    [InlineData(Syn | Ack, false)]
    [InlineData(Fin | Ack, false)]
    [InlineData(Rst, false)]
    [InlineData(Rst | Ack, false)]
    [InlineData(0, false)]
    [InlineData(Syn | Fin, false)]
    [InlineData(Syn | Rst, false)]
    [InlineData(Fin, false)]
    [InlineData(Fin | 8 | Urg, false)]
    public void Only_A_Syn_Or_An_Ack_Begins_A_Connection(int flags, bool begins)
        => Assert.Equal(begins, new TcpConversation().Begin(new Segment((byte)flags)));

    [Fact]
    public void A_Connection_That_Is_Met_In_Its_Middle_Is_Assured_Once_It_Is_Answered_Twice()
    {
        TcpConversation both = new();
        Assert.True(both.Begin(new Segment(Ack, 7000, 9000, Data: 10)));
        Assert.Equal((TcpState.Established, 300u), (both.State, both.SecondsLeft));
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, 9000, 7010)));
        Assert.False(both.IsAssured);
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 7010, 9000)));
        Assert.True(both.IsAssured);
        Assert.Equal(432_000u, both.SecondsLeft);

        // How windows are scaled is not known: nothing is out of them.
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 9_000_000, 9000, Data: 10)));
    }

    [Fact]
    public void Resets_Of_Attackers_End_Nothing()
    {
        TcpConversation both = TcpConversation.Open();
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, 501, 101, Data: 100)));
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 101, 601)));
        Assert.Equal(TcpFinding.Invalid, both.Server(new Segment(Rst, 600))); // before what was acknowledged
        Assert.Equal(TcpFinding.Invalid, both.Server(new Segment(Rst, 90_000))); // out of the window
        Assert.Equal(TcpState.Established, both.State);
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Rst, 700))); // within: the client asks (RFC 5961, 3.2)
        Assert.Equal((TcpState.Established, 10u), (both.State, both.SecondsLeft));
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 101, 601)));
        Assert.Equal(300u, both.SecondsLeft);
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Rst, 601)));
        Assert.Equal((TcpState.Close, 10u), (both.State, both.SecondsLeft));
    }

    [Fact]
    public void A_Reset_Does_Not_Answer_What_Its_Own_End_Sent()
    {
        TcpConversation both = new();
        Assert.True(both.Begin(new Segment(Syn, 100)));
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, 7000, 50))); // a challenge: ignored, and noted
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Syn, 100)));
        Assert.Equal(TcpFinding.Invalid, both.Client(new Segment(Rst | Ack, 900_000, 7000)));
        Assert.Equal(TcpState.SynSent, both.State);
    }

    [Fact]
    public void A_Syn_That_Nobody_Listens_To_Leaves_Nothing()
    {
        TcpConversation both = new();
        Assert.True(both.Begin(new Segment(Syn, 100)));
        Assert.Equal(TcpFinding.Ends, both.Server(new Segment(Rst | Ack, 0, 101)));
    }

    [Fact]
    public void Syns_That_Are_Sent_Again_Keep_No_Flow_Alive()
    {
        TcpConversation both = new();
        Assert.True(both.Begin(new Segment(Syn, 100)));
        both.Now = 100_000;
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Syn, 100)));
        Assert.Equal((TcpState.SynSent, 20u), (both.State, both.SecondsLeft));
    }

    [Fact]
    public void A_Simultaneous_Open_Becomes_A_Connection()
    {
        TcpConversation both = new();
        Assert.True(both.Begin(new Segment(Syn, 100)));
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Syn, 500)));
        Assert.Equal(TcpState.SynSent2, both.State);
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Syn | Ack, 100, 501)));
        Assert.Equal(TcpState.SynReceived, both.State);
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, 501, 101)));
        Assert.Equal(TcpState.Established, both.State);
    }

    [Fact]
    public void Ends_That_Began_Anew_Behind_The_Trackers_Back_Bring_It_Into_Step()
    {
        TcpConversation both = TcpConversation.Open();
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Syn, 80_000)));
        Assert.Equal(TcpState.Established, both.State); // it may be anybody's
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Syn | Ack, 95_000, 80_001)));
        Assert.Equal(TcpState.SynReceived, both.State);
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 80_001, 95_001)));
        Assert.Equal(TcpState.Established, both.State);
        Assert.Equal(TcpFinding.Invalid, both.Client(new Segment(Ack, 90_000, 95_001, Data: 10)));
    }

    [Fact]
    public void A_Challenge_Is_Not_The_Last_Acknowledgment()
    {
        TcpConversation both = TcpConversation.Open();
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Fin | Ack, 101, 501)));
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Fin | Ack, 501, 101)));
        Assert.Equal(TcpState.LastAck, both.State);
        Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Syn, 80_000)));
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, 502, 102))); // RFC 5961, 4.2
        Assert.Equal(TcpState.LastAck, both.State);
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, 502, 102)));
        Assert.Equal(TcpState.TimeWait, both.State);
    }

    [Fact]
    public void An_Ack_That_Comes_Again_And_Again_Shortens_The_Time()
    {
        TcpConversation both = TcpConversation.Open();
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(TcpFinding.Belongs, both.Client(new Segment(Ack, 101, 501)));
        }

        Assert.Equal(300u, both.SecondsLeft);
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, 501, 101)));
        Assert.Equal(432_000u, both.SecondsLeft);
        Assert.Equal(TcpFinding.Belongs, both.Server(new Segment(Ack, 501, 101, Window: 0)));
        Assert.Equal(300u, both.SecondsLeft); // not ready to receive
    }

    [Fact]
    public void Ends_That_Both_Close_Out_Of_Window_Are_Not_Remembered_For_Days()
    {
        TcpConversation both = TcpConversation.Open();
        Assert.Equal(TcpFinding.Invalid, both.Client(new Segment(Fin | Ack, 900_000, 501)));
        Assert.Equal(432_000u, both.SecondsLeft);
        Assert.Equal(TcpFinding.Invalid, both.Server(new Segment(Fin | Ack, 900_000, 101)));
        Assert.Equal((TcpState.Established, 300u), (both.State, both.SecondsLeft));
    }

    [Fact]
    public void A_Segment_Without_Sense_Is_Invalid_In_Every_State()
    {
        byte[] sensible = [Syn, Syn | Urg, Syn | Ack, Rst, Rst | Ack, Fin | Ack, Fin | Ack | Urg, Ack, Ack | Urg];
        foreach (byte flags in Enumerable.Range(0, 256).Select(value => (byte)value).Where(value => !sensible.Contains((byte)(value & 0x37))))
        {
            Assert.Equal(TcpFinding.Invalid, TcpConversation.Open().Client(new Segment(flags, 101, 501)));
        }
    }

    [Fact]
    public void Every_State_Has_An_Answer_To_Every_Segment()
    {
        foreach (TcpState state in Enum.GetValues<TcpState>())
        {
            foreach (TcpSegmentKind kind in Enum.GetValues<TcpSegmentKind>())
            {
                foreach (FlowDirection direction in Enum.GetValues<FlowDirection>())
                {
                    TcpState next = TcpTransitions.Next(direction, kind, state);
                    Assert.True(Enum.IsDefined(next) || next is TcpTransitions.Invalid or TcpTransitions.Ignored);
                    Assert.True(kind != TcpSegmentKind.Reset || state == TcpState.None || next == TcpState.Close, "a reset closes");
                    Assert.True(kind != TcpSegmentKind.None || next == TcpTransitions.Invalid, "a segment without a purpose is invalid");
                }
            }
        }
    }
}
