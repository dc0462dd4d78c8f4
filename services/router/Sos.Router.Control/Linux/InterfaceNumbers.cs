using System.Collections.Generic;
using System.Linq;
using Sos.Router.Tables;

namespace Sos.Router.Control.Linux;

/// <summary>
/// Numbers the VLANs on ports. A VLAN keeps its number for as long as it is there, from one follower to the next; a number whose VLAN is gone is given again
/// only when nothing in the core's table leads to it any more.
/// </summary>
internal sealed class InterfaceNumbers
{
    private readonly Dictionary<(int Port, uint Tag), int> _numbers;
    private readonly SortedSet<int> _free;
    private readonly HashSet<int> _gone = [];

    /// <summary>Begins with the numbers that a follower before has given.</summary>
    public InterfaceNumbers(IEnumerable<(int Number, int Port, uint Tag)> former)
    {
        _numbers = former.ToDictionary(vlan => (vlan.Port, vlan.Tag), vlan => vlan.Number);
        _free = [.. Enumerable.Range(RouterHeader.PortsMax, RouterHeader.InterfacesMax - RouterHeader.PortsMax).Except(_numbers.Values)];
    }

    /// <summary>Numbers whose VLAN is gone, and which are not to be given again yet.</summary>
    public IReadOnlyCollection<int> Gone => _gone;

    /// <summary>Numbers VLANs.</summary>
    /// <param name="vlans">All that are there.</param>
    /// <param name="left">Those for which there is no number.</param>
    /// <returns>The number of each other.</returns>
    public Dictionary<PortVlan, int> Number(IEnumerable<PortVlan> vlans, out List<PortVlan> left)
    {
        Dictionary<PortVlan, int> numbers = [];
        left = [];
        Dictionary<(int Port, uint Tag), PortVlan> present = [];
        foreach (PortVlan vlan in vlans)
        {
            present.TryAdd((vlan.Port, vlan.Link.Vlan!.Tag), vlan);
        }

        foreach (((int Port, uint Tag) key, int number) in _numbers.Where(pair => !present.ContainsKey(pair.Key)).ToArray())
        {
            _numbers.Remove(key);
            _gone.Add(number);
        }

        foreach (((int Port, uint Tag) key, PortVlan vlan) in present)
        {
            if (_numbers.TryGetValue(key, out int number))
            {
                numbers.Add(vlan, number);
            }
            else if (_free.Count > 0)
            {
                number = _free.Min;
                _free.Remove(number);
                _numbers.Add(key, number);
                numbers.Add(vlan, number);
            }
            else
            {
                left.Add(vlan);
            }
        }

        return numbers;
    }

    /// <summary>Takes the numbers whose VLAN is gone, to be given back by <see cref="Free"/>.</summary>
    public IReadOnlyList<int> TakeGone()
    {
        int[] gone = [.. _gone];
        _gone.Clear();
        return gone;
    }

    /// <summary>Takes back numbers that nothing leads to any more.</summary>
    public void Free(IEnumerable<int> numbers) => _free.UnionWith(numbers);
}
