using System;
using System.Net;
using System.Net.Sockets;
using Sos.Cores.Isolation.Network;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Cores.Tests.Carrying;
using Sos.Linux;
using Xunit;

namespace Sos.Cores.Tests.Isolation;

/// <summary>The programs at a network device, in the kernel.</summary>
public sealed class FrameProgramsTests
{
    private const int First = 996; // nobody has them
    private const int Second = 997;
    private const int Mark = 0x1234_5678;

    /// <summary>Linux hears what it sends to a group by the device's ingress, without an Ethernet header.</summary>
    [Fact]
    public void WhatLinuxSendsToAGroupItHearsItself()
    {
        using CarriedHost host = new();
        host.Shell("ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0");
        host.Inside(() =>
        {
            using FileDescriptor sockets = BpfObject.MakeSocketMap(1);
            using FileDescriptor program = FramePrograms.Take(First, sockets, NetworkCalls.InterfaceIndex("other0"), Mark, open: false);
            IngressHook.Put(NetworkCalls.InterfaceIndex("eth0"), program, First);
            IPAddress device = IPAddress.Parse("192.0.2.1");
            IPEndPoint group = new(IPAddress.Parse("239.1.2.3"), 5353);
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 20_000 };
            socket.Bind(new IPEndPoint(IPAddress.Any, group.Port));
            socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.AddMembership, new MulticastOption(group.Address, device));
            socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastInterface, device.GetAddressBytes());
            socket.SendTo("hello"u8.ToArray(), group);
            byte[] heard = new byte[16];
            Assert.Equal(5, socket.Receive(heard));
            return true;
        });
    }

    /// <summary>A program that sends into the devices between, without the socket's mark, reaches no wire.</summary>
    [Fact]
    public void OnlyTheServiceSendsByTheDeviceBetween()
    {
        const int drop = 2;
        const int redirect = 7;
        using FileDescriptor program = FramePrograms.Out(First, 1, Mark);
        Assert.Equal(redirect, Run(program, Mark));
        Assert.Equal(drop, Run(program, 0));
        Assert.Equal(drop, Run(program, Mark + 1));
    }

    /// <summary>One program of a core stands there, and each core knows its own.</summary>
    [Fact]
    public void ACoreReplacesAndRemovesItsOwnProgramsOnly()
    {
        using CarriedHost host = new();
        host.Inside(() =>
        {
            uint device = NetworkCalls.InterfaceIndex("eth0");
            Put(device, First);
            Put(device, Second);
            uint before = Assert.Single(IngressHook.ListOurs(device, First));
            Put(device, First);
            Assert.NotEqual(before, Assert.Single(IngressHook.ListOurs(device, First)));
            IngressHook.Remove(device, false, First);
            Assert.Empty(IngressHook.ListOurs(device, First));
            Assert.Single(IngressHook.ListOurs(device, Second));
            return true;
        });
    }

    [Fact]
    public void AnXdpProgramOfAnotherCoreStaysBeforeItsDevice()
    {
        using CarriedHost host = new();
        host.Inside(() =>
        {
            uint device = NetworkCalls.InterfaceIndex("eth0");
            using FileDescriptor first = FramePrograms.Pass(First);
            using FileDescriptor again = FramePrograms.Pass(First);
            using FileDescriptor second = FramePrograms.Pass(Second);
            Assert.Equal(0, XdpAttachment.TryPut(device, first, First));
            uint id = NetworkLink.Read(device)!.XdpProgram;
            Assert.Equal(Errno.Busy, XdpAttachment.TryPut(device, second, Second));
            XdpAttachment.Remove(NetworkLink.Read(device)!, Second);
            Assert.Equal(id, NetworkLink.Read(device)!.XdpProgram);
            Assert.Equal(0, XdpAttachment.TryPut(device, again, First));
            Assert.NotEqual(id, NetworkLink.Read(device)!.XdpProgram);
            XdpAttachment.Remove(NetworkLink.Read(device)!, First);
            Assert.Equal(0u, NetworkLink.Read(device)!.XdpProgram);
            return true;
        });
    }

    [Theory]
    [InlineData("sos_3_take", true)]
    [InlineData("sos_33_take", false)]
    [InlineData("sos_4_take", false)]
    [InlineData("sos_take", true)]
    [InlineData("sosig", false)]
    public void AProgramsNameTellsItsCore(string name, bool isOurs) => Assert.Equal(isOurs, BpfObject.IsOurs(name, 3));

    private static void Put(uint device, int cpu)
    {
        using FileDescriptor sockets = BpfObject.MakeSocketMap(1);
        using FileDescriptor program = FramePrograms.Take(cpu, sockets, device, Mark, open: true);
        IngressHook.Put(device, program, cpu);
    }

    /// <summary>Runs a program on a frame with a mark (BPF_PROG_TEST_RUN).</summary>
    private static unsafe int Run(FileDescriptor program, int mark)
    {
        const int testRun = 10;
        const int contextSize = 192; // struct __sk_buff
        const int markOffset = 8;
        byte* frame = stackalloc byte[64];
        byte* context = stackalloc byte[contextSize];
        new Span<byte>(frame, 64).Clear();
        new Span<byte>(context, contextSize).Clear();
        *(int*)(context + markOffset) = mark;
        BpfAttributes attributes = default;
        attributes.Put(0, (uint)program.Descriptor);
        attributes.Put(8, 64);
        attributes.Put(16, (ulong)frame);
        attributes.Put(40, contextSize);
        attributes.Put(48, (ulong)context);
        Assert.Equal(0, attributes.Call(testRun));
        return (int)attributes.Get(4);
    }
}
