using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;
using Sos.Cores.Isolation.Network;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Linux;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>
/// Puts a VLAN tag beside each frame that a device sends, as a VLAN device does before a card that inserts tags by itself: kernels without VLAN devices can
/// be tested too. It is gone when it is disposed.
/// </summary>
/// <remarks>The tests in virtual machines have it too: their peers live on kernels of that kind.</remarks>
internal sealed class TagPusher : IDisposable
{
    private const uint TcxIngress = 46; // BPF_TCX_INGRESS
    private const uint TcxEgress = 47; // BPF_TCX_EGRESS
    private const int Attach = 8; // BPF_PROG_ATTACH
    private const int Detach = 9; // BPF_PROG_DETACH
    private const int PushTag = 18; // BPF_FUNC_skb_vlan_push
    private const int PopTag = 19; // BPF_FUNC_skb_vlan_pop
    private const int EthernetTag = 0x0081; // ETH_P_8021Q in network order

    private readonly string _network;
    private readonly string _device;
    private readonly FileDescriptor _program;
    private readonly uint _hook;

    private TagPusher(string network, string device, BpfCode code, uint hook)
    {
        (_network, _device, _hook) = (network, device, hook);
        _program = BpfObject.Load(BpfProgramKind.Ingress, "tag", code);
        Call(Attach);
    }

    public static TagPusher At(string network, string device, int tag) => new(
        network, device, new BpfCode().Set(2, EthernetTag).Set(3, tag).Call(PushTag).Set(0, -1).Exit(), TcxEgress);

    /// <summary>The other direction: takes the tag off each frame that a device receives.</summary>
    public static TagPusher Popping(string network, string device) => new(network, device, new BpfCode().Call(PopTag).Set(0, -1).Exit(), TcxIngress);

    public void Dispose()
    {
        Call(Detach);
        _program.Dispose();
    }

    /// <summary>On a thread of its own: a network namespace is a thread's.</summary>
    private void Call(int command)
    {
        int errno = 0;
        Thread thread = new(() =>
        {
            using NetworkNamespace place = NetworkNamespace.EnterNamed(Path.Combine("/run/netns", _network));
            BpfAttributes attributes = default;
            attributes.Put(0, NetworkCalls.InterfaceIndex(_device));
            attributes.Put(4, (uint)_program.Descriptor);
            attributes.Put(8, _hook);
            errno = attributes.Call(command) < 0 ? Marshal.GetLastPInvokeError() : 0;
        });
        thread.Start();
        thread.Join();
        Assert.Equal(0, errno);
    }
}
