using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Network;
using Sos.Router.Control.Filter;
using Sos.Router.Control.Linux;
using Sos.Router.Filter;
using Sos.Router.Routes;
using Sos.Router.Tables;

namespace Sos.Router.Control;

/// <summary>Choices of the operator that Linux knows nothing of.</summary>
/// <param name="PastNetfilter">Whether packets are forwarded on the core though Linux has a ruleset for them.</param>
/// <param name="IsSymmetric">Whether both directions of a flow take the same of several ways.</param>
/// <param name="LeavesFilter">Whether packets for which Linux has a ruleset are all Linux's, also where the core could judge them.</param>
internal sealed record FollowerOptions(bool PastNetfilter = false, bool IsSymmetric = false, bool LeavesFilter = false);

/// <summary>
/// Follows Linux's network and writes it into the router's table. News are taken as they come; what Linux does not tell (routes that go with a link, an
/// address or a nexthop object) is asked for when one of those changes, all is asked for when news were lost, and once a minute to be sure.
/// </summary>
internal sealed class RouteFollower : IDisposable
{
    /// <summary>How long an IPv6 route that was removed stays: some daemons replace a route by removing and adding it.</summary>
    private static readonly TimeSpan Bridging = TimeSpan.FromMilliseconds(20);

    /// <summary>Addresses that are compared each second: about a hundredth of a CPU's time.</summary>
    private const int VerifiedOfAStep = 1000;

    private static readonly TimeSpan TellEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AuditEvery = TimeSpan.FromMinutes(1);
    private const int FilterGroup = 7; // NFNLGRP_NFTABLES

    /// <summary>Prefixes that are written until the core is shown life: a full table takes seconds, and the core waits for half a one.</summary>
    private const int WrittenOfABeat = 1000;

    private static readonly int[] Groups = [1, 3, 5, 7, 8, 9, 11, 19, 24, 25, 32]; // RTNLGRP_LINK … RTNLGRP_NEXTHOP

    private readonly RouterTableWriter _writer;
    private readonly RouterTable _table;
    private readonly bool _pastNetfilter;
    private readonly FilterFollower? _filter;
    private readonly bool _isSymmetric;
    private readonly Action<string> _log;
    private readonly LinuxNetwork _network = new();
    private readonly NetlinkSocket _news = new(NetlinkSocket.Route, Groups);

    // Null on a kernel without netfilter.
    private readonly NetlinkSocket? _filterNews = NetlinkSocket.TryOpen(NetlinkSocket.Netfilter, FilterGroup);
    private readonly InterfaceFollower _interfaces;
    private readonly Dictionary<(int Interface, RouteAddress Address), ulong> _neighbours = [];
    private readonly Dictionary<RoutePrefix, HopSpecification> _written = [];
    private readonly HashSet<RoutePrefix> _changed = [];
    private readonly Dictionary<RoutePrefix, long> _leaving = [];
    private readonly HashSet<RoutePrefix> _missing = [];
    private readonly HashSet<string> _told = [];
    private readonly RouteVerifier _verifier;
    private readonly BackgroundComparison _comparison;
    private IReadOnlyList<LinuxAddress> _addresses = [];
    private LinuxRoutes _routes = new();
    private RouteCompiler _compiler;
    private bool _askLinks;
    private bool _askRoutes;
    private bool _askSettings;
    private bool _askFilterAgain;
    private bool _ipv6IsFull;
    private long _tellAt;
    private long _auditAt;

    /// <summary>Asks for all and gives it to the core.</summary>
    /// <param name="table">The router's memory.</param>
    /// <param name="portNames">For each port the names that its network device may have.</param>
    /// <param name="options">What the operator has chosen.</param>
    /// <param name="log">Takes what a person should know.</param>
    /// <param name="filter">Where the core takes Linux's rules from; null for nowhere.</param>
    public RouteFollower(
        in RouterTable table, IReadOnlyList<IReadOnlyList<string>> portNames, FollowerOptions options, Action<string> log, FilterMemory filter = default)
    {
        _filter = filter.IsNull || options.LeavesFilter ? null : new FilterFollower(filter, log);
        _table = table;
        _pastNetfilter = options.PastNetfilter;
        _isSymmetric = options.IsSymmetric;
        _log = log;
        _writer = new RouterTableWriter(in table);
        _interfaces = new InterfaceFollower(in table, _writer, portNames, Tell);
        _network.Heard = _writer.Beat;
        _compiler = new RouteCompiler(_interfaces.Numbers, _interfaces.Links, _addresses);
        AskAll();
        _writer.Publish();
        AskSettings();
        _verifier = new RouteVerifier(new TableReader(table), portNames);
        _comparison = new BackgroundComparison(() => _routes.Prefixes.SelectMany(RouteVerifier.EndsOf), _verifier.Ways, _verifier.Refresh);
        _auditAt = After(AuditEvery);
        _tellAt = After(TellEvery);
    }

    /// <summary>Prefixes in the table.</summary>
    public int RouteCount => _writer.RouteCount;

    /// <summary>Whether the table is as Linux's was when it was last looked at: nothing that was removed stays for a while.</summary>
    public bool IsSettled => _leaving.Count == 0;

    /// <summary>Whether the table is compared with the kernel's answers in the background.</summary>
    public bool Verifies { get; init; } = true;

    /// <summary>Takes the news of a while.</summary>
    /// <param name="timeout">How long to wait for some.</param>
    public void Turn(TimeSpan timeout)
    {
        _writer.Beat();
        TimeSpan wait = _leaving.Count > 0 && Bridging < timeout ? Bridging : timeout;
        NetlinkSocket.Wait(wait, _filterNews is null ? [_news] : [_news, _filterNews]);
        if (!_news.TakeNews(Take))
        {
            _log("news of Linux's network were lost: all is asked for anew");
            _askLinks = _askRoutes = _askSettings = true;
        }

        if (_filterNews is not null)
        {
            bool any = false;
            bool complete = _filterNews.TakeNews(_ => any = true);
            _askSettings |= any || !complete;
        }

        _askSettings |= _filter?.TakeNews() == true;
        if (IsDue(ref _auditAt, AuditEvery))
        {
            _askLinks = _askRoutes = _askSettings = true;
        }

        Apply();
        if (IsDue(ref _tellAt, TellEvery))
        {
            _askSettings |= _askFilterAgain;
            TellUsed();
            if (Verifies && IsSettled)
            {
                Verify();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _verifier.Dispose();
        _network.Dispose();
        _news.Dispose();
        _filterNews?.Dispose();
        _writer.Dispose();
    }

    private static long After(TimeSpan time) => Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);

    private static bool IsDue(ref long due, TimeSpan every)
    {
        if (Stopwatch.GetTimestamp() < due)
        {
            return false;
        }

        due = After(every);
        return true;
    }

    private void Take(NetlinkMessage message)
    {
        switch (message.Type)
        {
            case LinuxNetwork.NewRoute or LinuxNetwork.DeleteRoute:
                TakeRoute(message);
                break;
            case LinuxNetwork.NewNeighbour or LinuxNetwork.DeleteNeighbour:
                if (LinuxNeighbour.Read(message.Body) is { } neighbour)
                {
                    TakeNeighbour(message.Type == LinuxNetwork.NewNeighbour ? neighbour : neighbour with { Mac = null });
                }

                break;
            case LinuxNetwork.NewLink or LinuxNetwork.DeleteLink:
                if (LinuxLink.Read(message.Body) is { } link
                    && (message.Type == LinuxNetwork.DeleteLink || _interfaces.Links.GetValueOrDefault(link.Index) != link))
                {
                    _askLinks = _askRoutes = _askSettings = true;
                }

                break;
            case LinuxNetwork.NewAddress or LinuxNetwork.DeleteAddress:
                _askLinks = true;
                _askRoutes |= message.Type == LinuxNetwork.DeleteAddress;
                break;
            case LinuxNetwork.NewNextHop or LinuxNetwork.DeleteNextHop:
                _askRoutes = true;
                break;
            case LinuxNetwork.NewRule or LinuxNetwork.DeleteRule or LinuxNetwork.NewConfiguration or LinuxNetwork.DeleteConfiguration:
                _askSettings = true;
                break;
        }
    }

    private void TakeRoute(NetlinkMessage message)
    {
        if (LinuxRoute.Read(message.Body) is not { } route || !LinuxRoutes.Looks(route))
        {
            return;
        }

        if (message.Type == LinuxNetwork.NewRoute)
        {
            _routes.Add(route, message.Flags);
        }
        else
        {
            _routes.Remove(route);
        }

        _changed.Add(route.Prefix);
    }

    private void TakeNeighbour(LinuxNeighbour neighbour)
    {
        if (!_interfaces.Numbers.TryGetValue(neighbour.Interface, out int number))
        {
            return;
        }

        (int Interface, RouteAddress Address) key = (number, neighbour.Address);
        try
        {
            _writer.SetNeighbour(number, neighbour.Address, neighbour.Mac, neighbour.IsFixed);
        }
        catch (TableFullException e)
        {
            Tell(e.Message);
            return;
        }

        if (neighbour.Mac is { } mac)
        {
            _neighbours[key] = mac;
        }
        else
        {
            _neighbours.Remove(key);
        }
    }

    private void Apply()
    {
        bool links = _askLinks;
        bool routes = _askRoutes;
        bool settings = _askSettings;
        _askLinks = _askRoutes = _askSettings = false;
        if (links)
        {
            AskLinks();
        }

        // What did not fit may fit now.
        _changed.UnionWith(_missing);
        if (routes)
        {
            LinuxRoutes former = _routes;
            _routes = _network.Routes();
            _changed.UnionWith(former.Prefixes);
            _changed.UnionWith(_routes.Prefixes);
        }
        else if (links)
        {
            _changed.UnionWith(_routes.Prefixes);
        }

        WriteChanged();
        if (links || settings || _askSettings)
        {
            AskSettings();
        }

        if (IsSettled)
        {
            _interfaces.LetGo();
        }
    }

    private void AskAll()
    {
        AskLinks();
        _routes = _network.Routes();
        _changed.UnionWith(_routes.Prefixes);
        WriteChanged();
    }

    private void AskLinks()
    {
        _interfaces.Take(_network.Links());
        _addresses = _network.Addresses();
        _compiler = new RouteCompiler(_interfaces.Numbers, _interfaces.Links, _addresses);
        HashSet<(int Interface, RouteAddress Address)> gone = [.. _neighbours.Keys];
        foreach (LinuxNeighbour neighbour in _network.Neighbours())
        {
            TakeNeighbour(neighbour);
            if (_interfaces.Numbers.TryGetValue(neighbour.Interface, out int number))
            {
                gone.Remove((number, neighbour.Address));
            }
        }

        foreach ((int number, RouteAddress address) in gone)
        {
            _writer.SetNeighbour(number, address, null);
            _neighbours.Remove((number, address));
        }

        WriteOwnAddresses();
    }

    private unsafe void WriteOwnAddresses()
    {
        Span<ulong> bits = stackalloc ulong[8];
        bits.Clear();
        foreach (LinuxAddress address in _addresses.Where(address => !address.Address.IsIpv6))
        {
            int bit = RouterHeader.OwnBit((uint)address.Address.Value);
            bits[bit >> 6] |= 1UL << (bit & 63);
        }

        for (int i = 0; i < bits.Length; i++)
        {
            _table.Header->Own4[i] = bits[i];
        }
    }

    private void WriteChanged()
    {
        long now = Stopwatch.GetTimestamp();
        foreach ((RoutePrefix prefix, long due) in _leaving.ToArray())
        {
            if (now >= due)
            {
                _changed.Add(prefix);
            }
        }

        int written = 0;
        foreach (RoutePrefix prefix in _changed)
        {
            if (written++ % WrittenOfABeat == 0)
            {
                _writer.Beat();
            }

            Write(prefix, now);
        }

        _changed.Clear();
        bool wasFull = _ipv6IsFull;
        _writer.Beat();
        try
        {
            _writer.Commit();
            _ipv6IsFull = false;
        }
        catch (TableFullException e)
        {
            _ipv6IsFull = true;
            Tell(e.Message);
        }

        _askSettings |= wasFull != _ipv6IsFull;
    }

    private void Write(RoutePrefix prefix, long now)
    {
        HopSpecification? hop = _compiler.Compile(_routes.Of(prefix));
        if (hop is null)
        {
            SetMissing(prefix, false);
            if (!_written.ContainsKey(prefix))
            {
                _leaving.Remove(prefix);
                return;
            }

            if (prefix.Address.IsIpv6 && !_leaving.TryGetValue(prefix, out long due))
            {
                _leaving.Add(prefix, After(Bridging));
                return;
            }

            if (!prefix.Address.IsIpv6 || now >= _leaving[prefix])
            {
                _leaving.Remove(prefix);
                _written.Remove(prefix);
                _writer.RemoveRoute(prefix.Address, prefix.Length);
            }

            return;
        }

        _leaving.Remove(prefix);
        if (_written.TryGetValue(prefix, out HopSpecification? former) && former.Equals(hop))
        {
            return;
        }

        try
        {
            _writer.SetRoute(prefix.Address, prefix.Length, hop);
            _written[prefix] = hop;
            SetMissing(prefix, false);
        }
        catch (TableFullException e)
        {
            SetMissing(prefix, true);
            Tell(e.Message);
        }
    }

    // Without it a shorter prefix would take its packets: its whole family is Linux's until it fits.
    private void SetMissing(RoutePrefix prefix, bool isMissing)
        => _askSettings |= isMissing ? _missing.Add(prefix) : _missing.Remove(prefix);

    /// <summary>Asks for all that decides which traffic the core may forward at all.</summary>
    private void AskSettings()
    {
        _interfaces.WriteSettings(_network.Configurations());
        _askFilterAgain = false;
        Func<string, ArpSettings> arp = HasArpRules() ? _ => ArpSettings.DependsOnWhoAsks : LinuxNetwork.ArpOf;
        if (!_writer.SetOwnAddresses(AnsweredAddresses.List(_addresses, _interfaces.Numbers, _interfaces.Links, arp)))
        {
            Tell($"it has more than {OwnAddress.CountMax} addresses: the core answers for the first of them when Linux does not");
        }

        _askSettings = false;
        RouterState state = StateOf(false) | StateOf(true) | (_isSymmetric ? RouterState.HashSymmetric : 0);
        _writer.SetState(state);
    }

    private bool HasArpRules()
    {
        try
        {
            return _network.HasArpRules();
        }
        catch (Exception wrong) when (wrong is SosException or IOException)
        {
            _askFilterAgain = true;
            return true; // Perhaps: then the core answers too little.
        }
    }

    private RouterState StateOf(bool isIpv6)
    {
        string family = isIpv6 ? "IPv6" : "IPv4";
        string? why = !_network.HasOnlyUsualRules(isIpv6) ? "it has policy rules or VRFs ('ip rule')"
            : _routes.Prefixes.Any(prefix => prefix.Address.IsIpv6 == isIpv6 && _routes.Of(prefix).Any(route => route.Table == LinuxRoute.TableDefault))
                ? "its table 'default' has routes"
            : (isIpv6 && _ipv6IsFull) || _missing.Any(prefix => prefix.Address.IsIpv6 == isIpv6) ? "its routes do not fit the core's table"
            : null;
        RouterState filter = RouterState.None;
        if (why is null && !_pastNetfilter && !TryFilter(isIpv6, ref filter, out why) && why is null)
        {
            return RouterState.None; // Its rules are on their way to the core.
        }

        if (why is not null)
        {
            Tell($"{family} is left to Linux: {why}");
            return RouterState.None;
        }

        _told.RemoveWhere(text => text.StartsWith(family, StringComparison.Ordinal));
        bool hashesPorts = LinuxNetwork.HashesPorts(isIpv6);
        return filter | (isIpv6
            ? RouterState.Ipv6 | (hashesPorts ? RouterState.HashPorts6 : 0)
            : RouterState.Ipv4 | (hashesPorts ? RouterState.HashPorts4 : 0));
    }

    /// <summary>Whether the core may forward a family's packets as far as rulesets go.</summary>
    /// <param name="isIpv6">The family.</param>
    /// <param name="filter">What the core must do then.</param>
    /// <param name="why">Why it may not; null if it may soon.</param>
    private bool TryFilter(bool isIpv6, ref RouterState filter, out string? why)
    {
        try
        {
            return TryFilterByAnswers(isIpv6, ref filter, out why);
        }
        catch (Exception wrong) when (wrong is SosException or IOException)
        {
            // No answer is not the answer that there are no rules.
            _askFilterAgain = true;
            why = $"it does not say whether it has rulesets; they are asked for again each second: {wrong.Message}";
            return false;
        }
    }

    private bool TryFilterByAnswers(bool isIpv6, ref RouterState filter, out string? why)
    {
        const string bypass = "start the service with --netfilter bypass to forward past it";
        why = LinuxNetwork.HasLegacyFilter(isIpv6) ? $"it has tables of iptables-legacy ('iptables-legacy-save'); {bypass}" : null;
        if (why is not null || !_network.HasFilter(isIpv6))
        {
            return why is null;
        }

        if (_filter is null)
        {
            why = $"it has a ruleset for forwarded packets ('nft list ruleset'); {bypass}";
            return false;
        }

        bool isThere = _filter.TryFollow(_network.RulesetGeneration(), _interfaces.ForRules(), out string? obstacle);
        why = obstacle is null ? null : $"its ruleset for forwarded packets cannot be honoured on the core: {obstacle}; {bypass}";
        filter = isThere ? isIpv6 ? RouterState.Filter6 : RouterState.Filter4 : RouterState.None;
        return isThere;
    }

    private void TellUsed()
    {
        foreach ((int number, RouteAddress address) in _writer.TakeUsedNeighbours())
        {
            if (_interfaces.DeviceOf(number) is not 0 and int device)
            {
                _network.Use(device, address);
            }
        }
    }

    private unsafe void Verify()
    {
        List<RouteDifference> differences = _comparison.Step(VerifiedOfAStep);
        _table.Header->Verified = _comparison.Compared;
        _table.Header->Differences = _comparison.Different;
        if (differences.Count > 0)
        {
            RouteDifference first = differences[0];
            string address = RouteBits.Text(first.Address);
            _log($"{differences.Count} addresses went another way than Linux's, {address}: {first.Found} for {first.Wanted}; all is asked for anew");
            _askLinks = _askRoutes = _askSettings = true;
        }
    }

    // Once, until it is over.
    private void Tell(string text)
    {
        if (_told.Add(text))
        {
            _log(text);
        }
    }
}
