using System;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sos.Firewall.Tables;
using Sos.Sdk.Wire;

namespace Sos.Firewall;

/// <summary>The bytes of a packet, for rules that look at more than the fields of a <see cref="PacketKey"/>, or change some.</summary>
public unsafe struct PacketBytes
{
    private const int ChecksumOffset = 10; // RFC 791, 3.1

    private byte* _frame;
    private int _network;
    private int _transport;
    private int _end;

    /// <summary>Shows a packet.</summary>
    /// <param name="frame">Its frame, in memory that stays where it is for as long as rules look at it.</param>
    /// <param name="parsed">What <see cref="FrameParser"/> made of it.</param>
    /// <param name="key">Its key.</param>
    public void Show(ReadOnlySpan<byte> frame, in ParsedFrame parsed, in PacketKey key)
    {
        _frame = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(frame));
        _network = parsed.NetworkOffset;
        _end = parsed.PacketEnd;
        int header = parsed.IpVersion == 4 ? parsed.TransportOffset - parsed.NetworkOffset : PacketKeyReader.TransportOffset(frame[_network.._end]);
        bool hasHeader = key.Has(Field.TransportProtocol) && !parsed.Fragment.IsLater;
        _transport = hasHeader ? _network + header : _end;
    }

    /// <summary>Reads the number at a place.</summary>
    /// <param name="place">A place in the packet that is valid.</param>
    /// <param name="value">The number.</param>
    /// <returns>False where the packet ends before: then the rule does not match (NFT_BREAK).</returns>
    public readonly bool TryRead(NumberPlace place, out ulong value)
    {
        int start = place.Base switch
        {
            PlaceBase.Link => 0,
            PlaceBase.Network => _network,
            _ => _transport,
        };
        int first = start + (place.BitOffset >> 3);
        int bits = (place.BitOffset & 7) + place.BitLength;
        int count = (bits + 7) >> 3;
        value = 0;
        if (count > _end - first)
        {
            return false;
        }

        for (int i = 0; i < count; i++)
        {
            value = (value << 8) | _frame[first + i];
        }

        value = (value >> ((count * 8) - bits)) & (ulong.MaxValue >> (64 - place.BitLength));
        return true;
    }

    /// <summary>Writes the byte of DSCP and ECN, and IPv4's checksum with it as nft_payload does.</summary>
    /// <param name="isIpv4">Whether it is an IPv4 packet, else IPv6.</param>
    /// <param name="value">The byte.</param>
    public readonly void WriteTrafficClass(bool isIpv4, byte value)
    {
        if (_end - _network < Ipv4Header.SizeMin)
        {
            return; // no packet is shown
        }

        Span<byte> packet = new(_frame + _network, _end - _network);
        if (!isIpv4)
        {
            uint start = BinaryPrimitives.ReadUInt32BigEndian(packet);
            BinaryPrimitives.WriteUInt32BigEndian(packet, (start & ~0x0ff0_0000u) | ((uint)value << 20));
            return;
        }

        // RFC 1624, equation 3
        ushort before = BinaryPrimitives.ReadUInt16BigEndian(packet);
        packet[1] = value;
        ushort after = BinaryPrimitives.ReadUInt16BigEndian(packet);
        uint sum = (ushort)~BinaryPrimitives.ReadUInt16BigEndian(packet[ChecksumOffset..]) + (uint)(ushort)~before + after;
        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(packet[ChecksumOffset..], (ushort)~(sum + (sum >> 16)));
    }
}
