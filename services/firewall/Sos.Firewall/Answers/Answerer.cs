using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Time;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Answers;

/// <summary>
/// Answers packets that rules reject, as Linux would: out of the port by which they came, to the machine that sent them, from the address that they were for.
/// Answers of a burst are sent together.
/// </summary>
public struct Answerer
{
    private const ulong NanosecondsPerSecond = 1_000_000_000;
    private const int MacsSize = 12;
    private const byte Unreachable4 = 3; // RFC 792
    private const byte Unreachable6 = 1; // RFC 4443, 3.1
    private const byte FragmentationNeeded = 4;
    private const int QuoteMax = 1232; // what an error of ICMPv6 quotes; one of ICMP quotes less

    private PacketPool _pool;
    private ErrorLimit _limit;
    private Burst _ready;
    private ushort _identification;

    /// <summary>Begins with all limits untouched.</summary>
    /// <param name="pool">Where answers' buffers come from.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="now">The TSC.</param>
    public void Begin(PacketPool pool, in TscClock clock, ulong now)
    {
        _pool = pool;
        _limit = new ErrorLimit(Math.Max(clock.TicksFromNanoseconds(NanosecondsPerSecond), 1000), now);
    }

    /// <summary>Makes the answer to a packet that a rule rejected, if it gets one.</summary>
    /// <param name="received">The frame.</param>
    /// <param name="parsed">Its headers.</param>
    /// <param name="own">The address of the port.</param>
    /// <param name="rejection">How it is answered.</param>
    /// <param name="counters">Where what becomes of it is counted.</param>
    /// <param name="now">The TSC.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Answer(
        PacketBuffer received, in ParsedFrame parsed, MacAddress own, Rejection rejection, in FirewallCounters counters, ulong now)
    {
        ReadOnlySpan<byte> frame = received.Frame;
        bool isTrusted = (received.Header.Flags & PacketFlags.ChecksumValid) != 0;
        bool isReset = rejection.Kind == Rejection.Reset;
        if (!AnswerRules.MayAnswer(frame, in parsed, own, isReset, isTrusted))
        {
            return;
        }

        IcmpErrorCode error = new(Unreachable4, (byte)rejection.Codes, Unreachable6, (byte)(rejection.Codes >> 8));
        bool isLimited = !isReset && (parsed.IpVersion == 6 || error.Code4 != FragmentationNeeded); // icmp_ratemask
        if (isLimited && !_limit.TryTake(parsed.Source.High ^ parsed.Source.Low, now))
        {
            counters.AnswersLimited.Increment();
            return;
        }

        if (_ready.IsFull || !_pool.TryAllocate(out PacketBuffer buffer))
        {
            counters.AnswersLost.Increment();
            return;
        }

        bool isMade = isReset ? TryMakeReset(frame, in parsed, buffer) : TryMakeError(frame, in parsed, error, buffer);
        if (!isMade)
        {
            _pool.Free(buffer);
            counters.AnswersLost.Increment();
            return;
        }

        _ready.Add(buffer);
    }

    /// <summary>Sends the answers that were made.</summary>
    /// <param name="port">The port by which the packets came.</param>
    /// <param name="counters">Where they are counted.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Send<TPort>(ref TPort port, in FirewallCounters counters)
        where TPort : unmanaged, IPort
    {
        int count = _ready.Count;
        if (count != 0)
        {
            int sent = port.Transmit(ref _ready);
            counters.Answered.Add(sent);
            counters.AnswersLost.Add(count - sent);
        }
    }

    private static bool TryMakeReset(ReadOnlySpan<byte> frame, in ParsedFrame parsed, PacketBuffer buffer)
    {
        TurnRound(frame[..parsed.NetworkOffset], buffer.Reset(parsed.NetworkOffset));
        TcpReset.Write(frame, in parsed, buffer);
        return true;
    }

    // The error is made in place, behind an untagged header: tags come in front of it afterwards.
    private bool TryMakeError(ReadOnlySpan<byte> frame, in ParsedFrame parsed, IcmpErrorCode error, PacketBuffer buffer)
    {
        ReadOnlySpan<byte> packet = frame[parsed.NetworkOffset..parsed.PacketEnd];
        packet = packet[..Math.Min(packet.Length, QuoteMax)];
        packet.CopyTo(buffer.Reset(EthernetHeader.UntaggedSize + packet.Length)[EthernetHeader.UntaggedSize..]);
        bool isMade = parsed.IpVersion == 4
            ? IcmpError.TryMake4(buffer, error, parsed.DestinationIpv4, 0, _identification++)
            : IcmpError.TryMake6(buffer, error, parsed.Destination, 0);
        int tags = parsed.NetworkOffset - EthernetHeader.UntaggedSize;
        if (!isMade || buffer.HeadroomFree < tags)
        {
            return false;
        }

        if (tags != 0)
        {
            buffer.Push(tags);
        }

        TurnRound(frame[..parsed.NetworkOffset], buffer.Frame[..parsed.NetworkOffset]);
        return true;
    }

    /// <summary>Writes a link layer's header, tags included, for the way back.</summary>
    private static void TurnRound(ReadOnlySpan<byte> header, Span<byte> answer)
    {
        header[MacAddress.Size..MacsSize].CopyTo(answer);
        header[..MacAddress.Size].CopyTo(answer[MacAddress.Size..]);
        header[MacsSize..].CopyTo(answer[MacsSize..]);
    }
}
