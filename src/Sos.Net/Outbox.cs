using System;
using Sos.Net.Wire;
using Sos.Sdk.Packets;
using Sos.Sdk.Wire;

namespace Sos.Net;

/// <summary>Frames that an endpoint has made and its owner sends. What finds no buffer or no room is left out, as a lost frame would be.</summary>
public struct Outbox
{
    /// <summary>Hops that packets may take: IANA's recommendation of 64.</summary>
    public const byte HopLimit = 64;

    /// <summary>Hops of neighbour discovery, by which a receiver sees that no router was between (RFC 4861, 7.1).</summary>
    public const byte LinkHopLimit = 255;

    /// <summary>Frames that answers to anybody may fill: connections keep the rest, whatever a flood of questions takes.</summary>
    private const int ForStrangersMax = Burst.Capacity * 3 / 4;

    private readonly PacketPool _pool;
    private readonly MacAddress _mac;
    private Burst _frames;
    private ushort _identification;

    /// <summary>Makes an empty outbox.</summary>
    /// <param name="pool">Where frames are taken from.</param>
    /// <param name="mac">The address that they come from.</param>
    public Outbox(PacketPool pool, MacAddress mac)
    {
        _pool = pool;
        _mac = mac;
    }

    /// <summary>The address that frames come from.</summary>
    public readonly MacAddress Mac => _mac;

    /// <summary>Frames that could not be made.</summary>
    public ulong Lost { get; private set; }

    /// <summary>Frames waiting.</summary>
    public readonly int Count => _frames.Count;

    /// <summary>Whether the next frame has room.</summary>
    public readonly bool HasRoom => !_frames.IsFull && _pool.FreeCount > 0;

    /// <summary>Moves the frames to a burst, as many as fit.</summary>
    public void TakeAll(ref Burst burst)
    {
        burst.Add(_frames.Buffers);
        _frames.Clear();
    }

    /// <summary>Begins a packet of which only the payload exists.</summary>
    /// <param name="length">Bytes of the payload.</param>
    /// <param name="buffer">Its frame is the payload, whose content is undefined.</param>
    /// <returns>False when there is no buffer or no room.</returns>
    internal bool TryBegin(int length, out PacketBuffer buffer)
    {
        buffer = default;
        if (_frames.IsFull || !_pool.TryAllocate(out buffer))
        {
            Lost++;
            return false;
        }

        _ = buffer.Append(length);
        return true;
    }

    /// <summary>Begins a packet that answers somebody with whom there is no connection; it leaves room for connections.</summary>
    /// <param name="length">Bytes of the payload.</param>
    /// <param name="buffer">Its frame is the payload, whose content is undefined.</param>
    /// <returns>False when there is no buffer, or no room that connections can spare.</returns>
    internal bool TryBeginForStranger(int length, out PacketBuffer buffer)
    {
        buffer = default;
        if (_frames.Count >= ForStrangersMax)
        {
            Lost++;
            return false;
        }

        return TryBegin(length, out buffer);
    }

    /// <summary>Puts the headers of IP and Ethernet before a payload whose checksum is right, and sends it.</summary>
    internal void SendIp(PacketBuffer buffer, in Peer peer, IpProtocol protocol, byte hopLimit = HopLimit)
    {
        int length = buffer.Length;
        if (peer.Remote.IsIpv4)
        {
            new Ipv4Header
            {
                HeaderLength = Ipv4Header.SizeMin,
                TotalLength = (ushort)(Ipv4Header.SizeMin + length),
                DoNotFragment = true,
                Fragment = new FragmentInfo(0, false, ++_identification),
                TimeToLive = hopLimit,
                Protocol = protocol,
                Source = peer.Local.Ipv4,
                Destination = peer.Remote.Ipv4,
            }.Write(buffer.Push(Ipv4Header.SizeMin));
        }
        else
        {
            new Ipv6Header
            {
                PayloadLength = (ushort)length,
                NextHeader = protocol,
                HopLimit = hopLimit,
                Source = peer.Local.Ipv6,
                Destination = peer.Remote.Ipv6,
            }.Write(buffer.Push(Ipv6Header.Size));
        }

        SendFrame(buffer, peer.Link, peer.Remote.IsIpv4 ? EtherType.Ipv4 : EtherType.Ipv6);
    }

    /// <summary>Sends an ICMPv6 message whose checksum field is zero.</summary>
    internal void SendIcmpv6(PacketBuffer buffer, in Peer peer, byte hopLimit)
    {
        Span<byte> message = buffer.Frame;
        ushort sum = TransportSum.PseudoHeader(peer.Local, peer.Remote, IpProtocol.Icmpv6, message.Length);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(message[2..], InternetChecksum.Compute(message, sum));
        SendIp(buffer, in peer, IpProtocol.Icmpv6, hopLimit);
    }

    /// <summary>Sends what follows an Ethernet header.</summary>
    internal void SendFrame(PacketBuffer buffer, MacAddress destination, EtherType type)
    {
        new EthernetHeader { Destination = destination, Source = _mac, Type = type }.Write(buffer.Push(EthernetHeader.UntaggedSize));
        int padding = FrameMin - buffer.Length;
        if (padding > 0)
        {
            buffer.Append(padding).Clear();
        }

        _frames.Add(buffer);
    }

    /// <summary>Bytes of the shortest frame without its FCS: IEEE 802.3, 3.2.8. The rest is zero, so that nothing of the memory leaks.</summary>
    private const int FrameMin = 60;
}
