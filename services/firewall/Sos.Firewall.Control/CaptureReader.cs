using System;
using System.Buffers.Binary;
using System.Globalization;
using System.IO;
using Sos.Cores;

namespace Sos.Firewall.Control;

/// <summary>Finds one frame in a capture: pcap (draft-ietf-opsawg-pcap) or pcapng (draft-ietf-opsawg-pcapng), in either byte order.</summary>
internal static class CaptureReader
{
    private const int PcapHeader = 24;
    private const int PcapRecord = 16;
    private const uint SectionHeader = 0x0a0d0d0a;
    private const uint ByteOrder = 0x1a2b3c4d;
    private const uint EnhancedPacket = 6;
    private const uint SimplePacket = 3;
    private const uint InterfaceDescription = 1;
    private const ushort EthernetLink = 1;

    /// <summary>Reads a frame.</summary>
    /// <param name="place">FILE, or FILE:NUMBER with the first frame as 1.</param>
    /// <exception cref="SosException">There is no such capture or frame.</exception>
    public static byte[] ReadFrame(string place)
    {
        int colon = place.LastIndexOf(':');
        int number = 1;
        string path = colon > 0 && !File.Exists(place) && int.TryParse(place[(colon + 1)..], CultureInfo.InvariantCulture, out number)
            ? place[..colon]
            : place;
        if (number < 1 || !File.Exists(path))
        {
            throw new SosException(SosError.NotFound, $"{place}: there is no such capture; name it as FILE, or as FILE:NUMBER from 1");
        }

        ReadOnlySpan<byte> bytes = File.ReadAllBytes(path);
        if (bytes.Length < PcapHeader)
        {
            throw Refuse(path);
        }

        byte[]? frame = BinaryPrimitives.ReadUInt32LittleEndian(bytes) == SectionHeader ? ReadBlocks(bytes, number, path) : ReadRecords(bytes, number, path);
        return frame ?? throw new SosException(SosError.NotFound, $"{path} has no frame {number}");
    }

    private static byte[]? ReadRecords(ReadOnlySpan<byte> bytes, int number, string path)
    {
        bool isBig = bytes[0] == 0xa1;
        if (Word(bytes, 0, isBig) is not (0xa1b2c3d4 or 0xa1b23c4d) || (Word(bytes, 20, isBig) & 0xffff) != EthernetLink)
        {
            throw Refuse(path);
        }

        int at = PcapHeader;
        while (at + PcapRecord <= bytes.Length)
        {
            uint length = Word(bytes, at + 8, isBig);
            at += PcapRecord;
            if (length > bytes.Length - at)
            {
                return null;
            }

            if (--number == 0)
            {
                return bytes.Slice(at, (int)length).ToArray();
            }

            at += (int)length;
        }

        return null;
    }

    private static byte[]? ReadBlocks(ReadOnlySpan<byte> bytes, int number, string path)
    {
        int at = 0;
        bool isBig = false;
        while (at + 12 <= bytes.Length)
        {
            uint kind = Word(bytes, at, isBig);
            if (kind == SectionHeader)
            {
                isBig = Word(bytes, at + 8, isBig: true) == ByteOrder;
            }

            uint length = Word(bytes, at + 4, isBig);
            if (length < 12 || length > bytes.Length - at)
            {
                return null;
            }

            ReadOnlySpan<byte> body = bytes.Slice(at + 8, (int)length - 12);
            if (kind == InterfaceDescription && (body.Length < 2 || Half(body, isBig) != EthernetLink))
            {
                throw Refuse(path);
            }

            int start = kind switch { EnhancedPacket => 20, SimplePacket => 4, _ => 0 };
            if (start > 0 && start <= body.Length && --number == 0)
            {
                uint frame = Word(body, kind == EnhancedPacket ? 12 : 0, isBig);
                return body.Slice(start, (int)Math.Min(frame, (uint)(body.Length - start))).ToArray();
            }

            at += (int)length;
        }

        return null;
    }

    private static uint Word(ReadOnlySpan<byte> bytes, int at, bool isBig)
        => isBig ? BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]) : BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static ushort Half(ReadOnlySpan<byte> bytes, bool isBig)
        => isBig ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static SosException Refuse(string path) => new(SosError.Usage, $"{path} is no capture of Ethernet frames (pcap or pcapng)");
}
