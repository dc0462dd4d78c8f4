using System;
using System.Buffers.Binary;
using System.Net;
using System.Text;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Net.Tests;

/// <summary>Addresses as text, beside those of .NET.</summary>
public sealed class AddressTextTests
{
    [Theory]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("1::")]
    [InlineData("2001:db8::9")]
    [InlineData("2001:db8:0:1:0:1:0:1")]
    [InlineData("1:0:0:1::1")]
    [InlineData("1::1:0:0:1")]
    [InlineData("fe80::a0b0:c0d0:e0f0:1")]
    [InlineData("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
    public void Ipv6IsWrittenAsRfc5952HasIt(string text)
        => Assert.Equal(text, Write(new IpAddress(Ipv6Address.Read(IPAddress.Parse(text).GetAddressBytes()))));

    [Fact]
    public void EveryAddressIsReadBack()
    {
        Random random = new(5);
        byte[] bytes = new byte[16];
        for (int i = 0; i < 20_000; i++)
        {
            random.NextBytes(bytes);
            for (int group = 0; group < 8; group++)
            {
                // Many groups are zero, and many digits.
                int mask = random.Next(5) switch { 0 or 1 => 0, 2 => 0xf, 3 => 0xff0, _ => 0xffff };
                BinaryPrimitives.WriteUInt16BigEndian(
                    bytes.AsSpan(group * 2), (ushort)(BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(group * 2)) & mask));
            }

            IpAddress address = IpAddress.Read(bytes);
            Assert.Equal(address.IsIpv4 ? new IPAddress(bytes.AsSpan(12)) : new IPAddress(bytes), IPAddress.Parse(Write(address)));
            uint ipv4 = (uint)random.NextInt64(1L << 32) & (uint)(random.Next(2) == 0 ? 0xff00_ff0f : 0xffff_ffff);
            Assert.Equal($"{ipv4 >> 24}.{(byte)(ipv4 >> 16)}.{(byte)(ipv4 >> 8)}.{(byte)ipv4}", Write(IpAddress.FromIpv4(ipv4)));
        }
    }

    private static string Write(IpAddress address)
    {
        byte[] text = new byte[AddressText.SizeMax];
        return Encoding.ASCII.GetString(text, 0, AddressText.Write(address, text));
    }
}
