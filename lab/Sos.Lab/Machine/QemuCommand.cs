using System;
using System.Collections.Generic;
using System.IO;
using Sos.Lab.Guest;
using Sos.Lab.Network;

namespace Sos.Lab.Machine;

/// <summary>Composes QEMU's command line.</summary>
internal static class QemuCommand
{
    /// <summary>The agent's socket in the machine's folder.</summary>
    public const string AgentSocket = "agent.sock";

    /// <summary>The socket of QEMU's monitor in the machine's folder.</summary>
    public const string MonitorSocket = "monitor.sock";

    /// <summary>The command, with the namespace to run it in.</summary>
    public static IReadOnlyList<string> Build(
        LabMachineOptions options, GuestKernel kernel, Accelerator accelerator, string folder, string log)
    {
        List<string> command = options.Network is { } network ? ["ip", "netns", "exec", network.SwitchNamespace] : [];
        bool kvm = accelerator == Accelerator.Kvm;
        command.AddRange(
        [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-name", "sos-lab,debug-threads=on", "-display", "none", "-no-reboot",
            "-machine", Machine(options, kvm),
            "-accel", kvm ? "kvm" : "tcg,thread=multi",
            "-cpu", options.CpuModel ?? (kvm ? "host" : Emulated(options)),
            "-smp", Processors(options), "-m", $"{options.MemoryMiB}M",
            "-kernel", kernel.BootImage, "-initrd", Path.Combine(folder, "initramfs"), "-append", KernelArguments(options),
            "-chardev", $"file,id=console,path={log}", "-serial", "chardev:console",
            "-device", "virtio-serial-pci,addr=0x8,disable-legacy=on",
            "-chardev", $"socket,id=agent,path={Path.Combine(folder, AgentSocket)},server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=sos.agent,nr=2",
            "-device", "virtio-rng-pci,addr=0x9,disable-legacy=on",
            "-chardev", $"socket,id=monitor,path={Path.Combine(folder, MonitorSocket)},server=on,wait=off", "-mon", "chardev=monitor,mode=readline",
        ]);
        if (options.Interactive)
        {
            command.AddRange(["-chardev", "stdio,id=shell,signal=off", "-device", "virtconsole,chardev=shell,nr=1"]);
        }

        if (options.Iommu)
        {
            command.AddRange(["-device", $"intel-iommu,intremap={(options.InterruptRemapping ? "on" : "off")},device-iotlb=on"]);
        }

        if (options.SpareCpu)
        {
            command.AddRange(["-device", $"max-x86_64-cpu,id={LabMachineOptions.SpareCpuDevice},socket-id=0,core-id={options.Cpus - 1},thread-id=0"]);
        }

        if (options.Disk is { } disk)
        {
            command.AddRange(
            [
                "-drive", $"file={disk},if=none,id=disk,format=raw,cache=unsafe", "-device", "virtio-blk-pci,drive=disk,addr=0xa,disable-legacy=on",
            ]);
        }

        foreach (string device in options.Devices)
        {
            command.AddRange(["-device", device]);
        }

        if (options.CardSocket is { } socket)
        {
            AddSocketCard(command, options, socket);
        }

        if (options.ForwardedPort is { } port)
        {
            AddForwardedCard(command, options, port);
        }

        for (int segment = 0; segment < (options.Network?.Segments ?? 0); segment++)
        {
            AddCard(command, options, segment);
        }

        return command;
    }

    private static string Processors(LabMachineOptions options) => options.SpareCpu
        ? $"cpus={options.Cpus - 1},maxcpus={options.Cpus},sockets=1,cores={options.Cpus},threads=1"
        : $"cpus={options.Cpus},threads={options.ThreadsPerCore}";

    // AMD's way to tell of threads (CPUID 0x8000001e) is not emulated, Intel's (0xb) is.
    private static string Emulated(LabMachineOptions options) => options.ThreadsPerCore == 1 ? "max" : "max,vendor=GenuineIntel";

    private static string Machine(LabMachineOptions options, bool kvm) =>
        "q35" + (kvm && options.Iommu ? ",kernel-irqchip=split" : "") + (options.CardSocket is null ? "" : ",memory-backend=ram")
        + (options.KeyboardController ? "" : ",i8042=off");

    // The other process reads and writes the machine's memory, which hence is a file. The card interrupts by its line, not by
    // messages: emulating these for such a card, QEMU 7.2 reads a table that exists with KVM only, and crashes.
    private static void AddSocketCard(List<string> command, LabMachineOptions options, string socket)
    {
        if (options.Network is not null || options.Iommu || options.CardQueues != 1)
        {
            throw new ArgumentException("a card by socket is the only card, has one queue pair and no IOMMU", nameof(options));
        }

        command.AddRange(
        [
            "-object", $"memory-backend-memfd,id=ram,size={options.MemoryMiB}M,share=on",
            "-chardev", $"socket,id=card0,path={socket}",
            "-netdev", "vhost-user,id=net0,chardev=card0",
            "-device", $"virtio-net-pci,netdev=net0,addr=0x10,mac={LabNetwork.MachineMac()},disable-legacy=on,rx_queue_size=1024,"
                + "vectors=0,romfile=",
        ]);
    }

    // QEMU's own network: it asks by ARP who has the address, as a host on the link would.
    private static void AddForwardedCard(List<string> command, LabMachineOptions options, int port)
    {
        if (options.Network is not null || options.CardSocket is not null)
        {
            throw new ArgumentException("a card with a forwarded port is the only card", nameof(options));
        }

        command.AddRange(
        [
            "-netdev", $"user,id=net0,restrict=on,ipv6=off,net=10.77.0.0/24,host=10.77.0.1,hostfwd=tcp:127.0.0.1:{port}-{LabMachineOptions.ForwardAddress}:22",
            "-device", $"virtio-net-pci,netdev=net0,addr=0x10,mac={LabNetwork.MachineMac()},disable-legacy=on,rx_queue_size=1024,romfile=",
        ]);
    }

    private static void AddCard(List<string> command, LabMachineOptions options, int segment)
    {
        int queues = options.CardQueues;
        if (queues != options.Network!.Queues)
        {
            throw new ArgumentException(
                $"the network's taps have {options.Network.Queues} queues, the machine's cards {queues}", nameof(options));
        }

        string backend = $"tap,id=net{segment},ifname={LabNetwork.Tap(segment)},script=no,downscript=no,vhost=off";
        string card = $"virtio-net-pci,netdev=net{segment},addr=0x{0x10 + segment:x},mac={LabNetwork.MachineMac(segment)},"
            + "disable-legacy=on,rx_queue_size=1024,romfile=";
        if (queues > 1)
        {
            backend += $",queues={queues}";
            card += $",mq=on,vectors={(2 * queues) + 2}";
        }

        if (options.Iommu)
        {
            card += ",iommu_platform=on,ats=on";
        }

        command.AddRange(["-netdev", backend, "-device", card]);
    }

    private static string KernelArguments(LabMachineOptions options)
    {
        // An emulated timer that a busy host lets tick late must not stop the boot: Linux would conclude that it does not work at all.
        // Without groups of tasks 6.12's scheduler does not lose its tasks after a virtual CPU stood still (docs/decisions/0050).
        // The crypto layer's self-tests take a second of each boot.
        List<string> arguments = ["console=ttyS0", "net.ifnames=0", "no_timer_check", "noautogroup", "cryptomgr.notests"];
        if (options.Disk is not null)
        {
            arguments.Add("sos.disk");
        }
        else if (options.LoadDriver)
        {
            arguments.Add("sos.driver");
        }

        if (options.Iommu)
        {
            arguments.Add("intel_iommu=on");
        }

        if (options.Interactive)
        {
            arguments.Add($"sos.shell sos.size={Console.WindowHeight}x{Console.WindowWidth}");
        }

        if (options.KernelArguments.Length > 0)
        {
            arguments.Add(options.KernelArguments);
        }

        return string.Join(' ', arguments);
    }
}
