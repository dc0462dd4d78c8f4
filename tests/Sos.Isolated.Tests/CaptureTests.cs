using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>Recorded traffic goes through the firewall: what it passes on is written, in order and unchanged.</summary>
public sealed class CaptureTests : IsolatedScenario
{
    private const int Frames = 3000;
    private const int RecordHeader = 16;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatTheRulesPassIsWrittenInOrder(bool bigEndian)
    {
        string folder = Directory.CreateTempSubdirectory("sos-capture-").FullName;
        try
        {
            List<byte[]> frames = [.. Enumerable.Range(0, Frames).Select(i => Datagram(i % 3 == 0 ? 9999 : 53, i))];
            string input = Path.Combine(folder, "in.pcap");
            string output = Path.Combine(folder, "out.pcap");
            string rules = Path.Combine(folder, "rules.nft");
            File.WriteAllBytes(input, ToCapture(frames, bigEndian));
            File.WriteAllText(
                rules, "table inet filter {\n chain input { type filter hook input priority 0; policy accept;\n  udp dport 9999 counter drop\n }\n}\n");
            Reserve();
            Command.Sosctl(
                "service", "start", $"{Cpu}", Command.Metadata("Firewall"), "--pcap-in", input, "--pcap-out", output, "--rules", rules).Succeeded();
            Command.Await(() => Counter("nic.rx_packets") == Frames, "not all frames were replayed");
            Command.Await(() => Counter("host.tx_packets") == Frames * 2 / 3, "not all frames were passed on");
            Command.Await(() => new FileInfo(output).Length == 24 + (Frames * 2 / 3 * (RecordHeader + frames[0].Length)), "not all frames were written");
            Command.Sosctl("service", "stop", $"{Cpu}").Succeeded();
            Assert.Equal(frames.Where((_, i) => i % 3 != 0), Read(File.ReadAllBytes(output)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void WhatIsNoCaptureIsRefused()
    {
        Reserve();
        string[] start = ["service", "start", $"{Cpu}", Command.Metadata("Firewall")];
        Assert.Equal(2, Command.Sosctl([.. start, "--pcap-in", Command.Metadata("Firewall"), "--pcap-out", "/dev/null"]).ExitCode);
        Assert.Equal(2, Command.Sosctl([.. start, "--pcap-in", "/dev/null"]).ExitCode);
        Assert.Equal(6, Command.Sosctl([.. start, "--pcap-in", "/nonexistent.pcap", "--pcap-out", "/dev/null"]).ExitCode);
        Assert.Equal("Reserved", State());
    }

    private ulong Counter(string name) => Status().GetProperty("counters").GetProperty(name).GetUInt64();

    private static byte[] Datagram(int port, int number)
    {
        byte[] frame = new byte[64];
        frame[0] = 2;
        frame[6] = 2;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0800);
        frame[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), 50);
        frame[22] = 64;
        frame[23] = 17;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(26), 0xc0000201);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(30), 0xc0000202);
        uint sum = 0;
        for (int i = 14; i < 34; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(i));
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), (ushort)~((sum & 0xffff) + (sum >> 16)));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), 1234);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), (ushort)port);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(38), 30);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(42), number);
        return frame;
    }

    private static byte[] ToCapture(List<byte[]> frames, bool bigEndian)
    {
        using MemoryStream stream = new();
        void Write(uint value)
        {
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, bigEndian ? BinaryPrimitives.ReverseEndianness(value) : value);
            stream.Write(bytes);
        }

        uint version = bigEndian ? 0x0002_0004u : 0x0004_0002u;
        foreach (uint value in new uint[] { 0xa1b2c3d4, version, 0, 0, 65536, 1 })
        {
            Write(value);
        }

        foreach (byte[] frame in frames)
        {
            Write(1);
            Write(2);
            Write((uint)frame.Length);
            Write((uint)frame.Length);
            stream.Write(frame);
        }

        return stream.ToArray();
    }

    private static IEnumerable<byte[]> Read(byte[] capture)
    {
        for (int at = 24; at < capture.Length;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(capture.AsSpan(at + 8));
            yield return capture[(at + RecordHeader)..(at + RecordHeader + length)];
            at += RecordHeader + length;
        }
    }
}
