using System;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;
using Sos.Sdk.Wire;

namespace Echo;

/// <summary>
/// Answers ARP and ping for an address of its own, on its core: whatever Linux does, it is there. Everything else passes between the card
/// and Linux, as with the Forwarder. Parameter "address": the IPv4 address as a number.
/// </summary>
public struct EchoService : IService
{
    private NicPort _nic;
    private HostPort _host;
    private uint _address;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        if (!setup.Parameters.TryGetUInt64("address"u8, out ulong address)
            || !setup.TryCreatePacketPool(out PacketPool pool)
            || !NicPort.TryOpen(ref setup, "nic"u8, pool, out _nic)
            || !HostPort.TryOpen(ref setup, "nic"u8, pool, out _host))
        {
            return 1;
        }

        _address = (uint)address;
        return 0;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        Burst received = default;
        Burst answers = default;
        Burst others = default;
        _nic.Receive(ref received);
        foreach (PacketBuffer packet in received.Buffers)
        {
            if (TryAnswer(packet.Frame))
            {
                answers.Add(packet);
            }
            else
            {
                others.Add(packet);
            }
        }

        received.Clear();
        _nic.Transmit(ref answers);
        _host.Transmit(ref others);
        _host.Receive(ref received);
        _nic.Transmit(ref received);
    }

    /// <summary>Makes a frame its own answer, if it asks for our address.</summary>
    private readonly bool TryAnswer(Span<byte> frame)
    {
        if (EthernetHeader.Parse(frame, out EthernetHeader ethernet) != MalformedReason.None || ethernet.TagCount != 0)
        {
            return false;
        }

        Span<byte> payload = frame[EthernetHeader.UntaggedSize..];
        bool answers = ethernet.Type switch
        {
            EtherType.Arp => TryAnswerArp(payload),
            EtherType.Ipv4 => TryAnswerPing(payload),
            _ => false,
        };
        if (answers)
        {
            ethernet.Source.Write(frame);
            _nic.Mac.Write(frame[MacAddress.Size..]);
        }

        return answers;
    }

    private readonly bool TryAnswerArp(Span<byte> payload)
    {
        if (ArpPacket.Parse(payload, out ArpPacket request) != MalformedReason.None
            || request.Operation != ArpPacket.Request || request.TargetAddress != _address)
        {
            return false;
        }

        ArpPacket reply = new()
        {
            Operation = ArpPacket.Reply,
            SenderMac = _nic.Mac,
            SenderAddress = _address,
            TargetMac = request.SenderMac,
            TargetAddress = request.SenderAddress,
        };
        reply.Write(payload);
        return true;
    }

    private readonly bool TryAnswerPing(Span<byte> payload)
    {
        if (Ipv4Header.Parse(payload, out Ipv4Header ip) != MalformedReason.None
            || ip.Destination != _address || ip.Protocol != IpProtocol.Icmp || ip.Fragment.IsFragment)
        {
            return false;
        }

        Span<byte> message = payload[ip.HeaderLength..ip.TotalLength];
        if (IcmpHeader.Parse(message, out IcmpHeader icmp) != MalformedReason.None || icmp.Type != IcmpHeader.EchoRequest)
        {
            return false;
        }

        (ip with { Source = _address, Destination = ip.Source }).Write(payload);
        ushort checksum = InternetChecksum.Update(icmp.Checksum, IcmpHeader.EchoRequest << 8, IcmpHeader.EchoReply << 8);
        (icmp with { Type = IcmpHeader.EchoReply, Checksum = checksum }).Write(message);
        return true;
    }
}
