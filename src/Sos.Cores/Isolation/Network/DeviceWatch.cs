using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Cores.Running;
using Sos.Linux;

namespace Sos.Cores.Isolation.Network;

/// <summary>
/// Looks whether the programs around the network devices of services are still there, and whether what was set for them is still so; puts back what others
/// changed. A program that was seen standing is held by a descriptor: once it is taken away, it is put back as it was, with the service's socket.
/// </summary>
/// <param name="folder">The folder of the cores' records.</param>
internal sealed class DeviceWatch(string folder = CoreRecord.DefaultFolder) : IDisposable
{
    private const ushort SetLink = 19; // RTM_SETLINK
    private const uint Up = 1; // IFF_UP

    private readonly Dictionary<Place, Standing> _standing = [];

    /// <summary>Looks once.</summary>
    /// <param name="cpus">The cores to look at; of all others nothing is held any more.</param>
    public void Look(IReadOnlyCollection<int> cpus)
    {
        Forget(place => !cpus.Contains(place.Cpu));
        foreach (int cpu in cpus)
        {
            try
            {
                Look(cpu);
            }
            catch (Exception e) when (e is SosException or IOException or UnauthorizedAccessException)
            {
                Forget(place => place.Cpu == cpu); // A device that goes at this moment, a record that is damaged: the next look sees.
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Forget(_ => true);

    private void Look(int cpu)
    {
        // Who has the core's lock starts a service or gives its devices back. A program that is held meanwhile would look like one that stands somewhere.
        if (CoreLock.IsTaken(cpu, folder) || Read(cpu) is not { } record)
        {
            Forget(place => place.Cpu == cpu);
            return;
        }

        Findings findings = new();
        Look(record, findings, mends: false);
        DeviceDrift drift = DeviceDrift.Read(cpu, record.Started, folder);
        if (findings.IsEmpty && drift.Problem is null)
        {
            return;
        }

        using CoreLock? exclusive = CoreLock.TryTake(cpu, folder);
        if (exclusive is null || Read(cpu) is not { } now || now.Started != record.Started)
        {
            Forget(place => place.Cpu == cpu);
            return;
        }

        findings = new Findings();
        Look(now, findings, mends: true);
        DeviceDrift after = findings.AddTo(drift);
        if (after != drift)
        {
            after.Write(cpu, folder);
        }
    }

    /// <summary>Reads the record of a service that is loaded, and has network devices of Linux.</summary>
    private CoreRecord? Read(int cpu)
        => CoreRecord.Read(cpu, folder) is { Control: not null } record && record.Cards.Any(card => card.Netdev is not null) ? record : null;

    private void Look(CoreRecord record, Findings findings, bool mends)
    {
        foreach (CardRecord card in record.Cards)
        {
            if (card.Netdev is not { } netdev)
            {
                continue;
            }

            using NetworkNamespace? place = NetworkNamespace.TryEnter(netdev.Namespace);
            if ((place is null ? null : NetworkLink.Read(netdev.Index)) is not { } link || !DeviceSearch.IsIt(link, netdev, record.Cpu))
            {
                Forget(held => held.Cpu == record.Cpu && held.Owner == netdev.Index && held.Namespace == netdev.Namespace);
                continue;
            }

            bool makesQueue = LookAtPrograms(record.Cpu, netdev, link, findings, mends);
            LookAtSettings(record.Cpu, netdev, link, findings, mends);
            if (makesQueue)
            {
                // Somebody took away the queueing discipline that was there before: now it is one of ours, and goes with our program.
                CardRecord changed = card with { Netdev = netdev with { MakesQueue = true } };
                record = record with { Cards = [.. record.Cards.Select(other => other == card ? changed : other)] };
                record.Write(folder);
            }
        }
    }

    /// <summary>Looks at the programs of a device, and of those between it and the service.</summary>
    /// <returns>Whether a queueing discipline had to be made at the device, where there had been one.</returns>
    private bool LookAtPrograms(int cpu, NetdevRecord netdev, NetworkLink link, Findings findings, bool mends)
    {
        FrameWayNames names = FrameWayNames.For(cpu, link.Index);
        Place Of(uint device, bool isXdp) => new(cpu, netdev.Index, netdev.Namespace, device, isXdp);
        List<Place> places = [Of(link.Index, isXdp: true), Of(link.Index, isXdp: false)];
        places.AddRange(new[] { names.Take, names.Back }.Select(name => NetworkCalls.InterfaceIndex(name)).Where(index => index != 0)
            .Select(index => Of(index, isXdp: false)));
        Forget(held => held.Cpu == cpu && held.Owner == netdev.Index && held.Namespace == netdev.Namespace && !places.Contains(held));
        bool makesQueue = false;
        foreach (Place place in places)
        {
            if (ProgramAt(place, link) is { } id)
            {
                Hold(place, id);
            }
            else if (_standing.TryGetValue(place, out Standing? lost))
            {
                string name = place.Device == link.Index ? link.Name : NetworkLink.Read(place.Device)?.Name ?? $"device {place.Device}";
                string unjudged = place.Device == link.Index ? ", frames reached Linux unjudged" : "";
                bool needsQueue = mends && !place.IsXdp && IngressHook.NeedsQueue(place.Device);
                string? problem = mends ? Put(place, lost) : null;
                makesQueue |= problem is null && needsQueue && place.Device == link.Index && !netdev.MakesQueue;
                findings.Add(isProgram: true, $"its program at {name} was taken away{unjudged}", problem);
            }
        }

        return makesQueue;
    }

    private static void LookAtSettings(int cpu, NetdevRecord netdev, NetworkLink link, Findings findings, bool mends)
    {
        FrameWayNames names = FrameWayNames.For(cpu, link.Index);
        foreach (NetworkLink between in new[] { names.Take, names.Service, names.Back }.Select(NetworkLink.Find).OfType<NetworkLink>())
        {
            if (!between.IsUp)
            {
                findings.Add(isProgram: false, $"{between.Name} was switched off, no frame passed", mends ? SwitchOn(between) : null);
            }
        }

        if (!XdpAttachment.IsOurs(NetworkLink.Read(link.Index) ?? link, cpu))
        {
            return;
        }

        (int combined, int receive) = QueueCount.Read(link.Name);
        if (combined + receive > 1)
        {
            findings.Add(
                isProgram: false, $"{link.Name} had {combined + receive} queues, what came by another one than the first was dropped",
                mends ? Try(() => NetdevDevice.UseOneQueue(link.Name)) : null);
        }

        DeviceFeatures features = DeviceFeatures.Of(link.Name);
        foreach (string stripped in netdev.TagsStripped.Where(features.IsOn))
        {
            findings.Add(
                isProgram: false, $"{link.Name} took VLAN tags out of frames ({stripped}), and its service did not see them",
                mends ? Try(() => features.Set(false, [stripped])) ?? (features.IsOn(stripped) ? "it stays on" : null) : null);
        }
    }

    private static uint? ProgramAt(Place place, NetworkLink link) => place.IsXdp
        ? XdpAttachment.IsOurs(link, place.Cpu) ? link.XdpProgram : null
        : IngressHook.ListOurs(place.Device, place.Cpu).Cast<uint?>().FirstOrDefault();

    private void Hold(Place place, uint id)
    {
        if (_standing.TryGetValue(place, out Standing? known) && known.Id == id)
        {
            return;
        }

        Forget(held => held == place);
        if (BpfObject.TryFindOurs(id, place.Cpu) is { } program)
        {
            _standing.Add(place, new Standing(id, program));
        }
    }

    /// <summary>Puts a program back.</summary>
    /// <returns>Null, or the reason why it could not be.</returns>
    private static string? Put(Place place, Standing lost)
    {
        if (!place.IsXdp)
        {
            return Try(() => IngressHook.Put(place.Device, lost.Program, place.Cpu));
        }

        int errno = XdpAttachment.TryPut(place.Device, lost.Program, place.Cpu);
        return errno == 0 ? null : Marshal.GetPInvokeErrorMessage(errno);
    }

    private static string? SwitchOn(NetworkLink link)
    {
        using RouteSocket socket = new();
        int errno = socket.TryChange(RouteMessage.Link(SetLink, RouteSocket.Change, link.Index, Up, Up));
        return errno == 0 ? null : Marshal.GetPInvokeErrorMessage(errno);
    }

    private static string? Try(Action work)
    {
        try
        {
            work();
            return null;
        }
        catch (SosException e)
        {
            return e.Message;
        }
    }

    private void Forget(Func<Place, bool> which)
    {
        foreach (Place place in _standing.Keys.Where(which).ToList())
        {
            _standing.Remove(place, out Standing? held);
            held?.Program.Dispose();
        }
    }

    /// <summary>A place at which a program stands.</summary>
    /// <param name="Cpu">The core that it is for.</param>
    /// <param name="Owner">Index of the network device that the service has.</param>
    /// <param name="Namespace">The network namespace of that.</param>
    /// <param name="Device">Index of the device at which it stands.</param>
    /// <param name="IsXdp">Whether it stands before the network stack; else at the device's ingress.</param>
    private readonly record struct Place(int Cpu, uint Owner, string Namespace, uint Device, bool IsXdp);

    /// <summary>A program that stood somewhere.</summary>
    /// <param name="Id">Its id.</param>
    /// <param name="Program">A descriptor of it.</param>
    private sealed record Standing(uint Id, FileDescriptor Program);

    /// <summary>The changes that one look found.</summary>
    private sealed class Findings
    {
        private readonly List<string> _texts = [];
        private ulong _programs;
        private ulong _settings;
        private string? _problem;

        /// <summary>Whether all is as it was set.</summary>
        public bool IsEmpty => _texts.Count == 0 && _problem is null;

        /// <summary>Adds a change.</summary>
        /// <param name="isProgram">Whether it is a program; else a setting.</param>
        /// <param name="text">The change in words.</param>
        /// <param name="problem">Why it could not be put back; null where it was, or was not tried.</param>
        public void Add(bool isProgram, string text, string? problem)
        {
            if (problem is not null)
            {
                _problem ??= $"{text}, and this cannot be put back: {problem}";
                return;
            }

            _texts.Add(text);
            _programs += isProgram ? 1u : 0;
            _settings += isProgram ? 0 : 1u;
        }

        /// <summary>Adds them to those of before.</summary>
        public DeviceDrift AddTo(DeviceDrift before) => _texts.Count == 0
            ? before with { Problem = _problem }
            : new DeviceDrift(
                before.Started, before.Programs + _programs, before.Settings + _settings, string.Join("; ", _texts.Take(3)), DateTimeOffset.UtcNow, _problem);
    }
}
