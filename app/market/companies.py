"""The GICS sector of companies in categories that span sectors, and of those that break their category's rule.

Facts of ours, as of the GICS structure in force since March 2023. A ticker alone names no company for good, so each
holds only together with the broker's industry for it; a company whose sector we are not sure of is listed as unknown,
which is better than its category's.
"""

from collections.abc import Mapping
from types import MappingProxyType

from app.domain.instrument import UNKNOWN_SECTOR

_COMPANIES = {
    "Advertising": {
        "Communication Services": "MGNI CRTO CDLX QNST NCMI STGW ADV CCO",
        "Information Technology": "DV APPS",
        "Real Estate": "LAMR OUT",
    },
    "Agriculture": {"Health Care": "TLRY CGC CRON ACB SNDL OGI"},
    "Auto Parts&Equipment": {
        "Industrials": "ALSN WNC SHYF WBC MTOR CVGI PLOW MLR BLBD TWI",
        UNKNOWN_SECTOR: "MOD ATMU",
    },
    "Biotechnology": {"Materials": "CTVA"},
    "Building Materials": {"Industrials": "MAS FBIN UFPI", "Materials": "LPX KNF"},
    "Coal": {"Energy": "BTU CEIX CNR ARLP NRP", "Materials": "HCC AMR SXC METC"},
    "Commercial Services": {
        "Financials": "SPGI MCO PYPL XYZ SQ GPN FLT CPAY WEX MORN WU EEFT FOUR MA FI FISV FIS RELY MQ FLYW PAYO TOST"
        "DLO STNE PAGS PRAA ECPG",
        "Health Care": "AMN CCRN PGNY ICLR MEDP IQV CRL SYNH PRAH HQY CRVL ASTH",
        "Industrials": "CTAS ADP PAYX EFX TRU ROL ABM BCO RBA VRRM CBZ UNF CPRT ALIT MMS RTO MG EXPO DLX"
        "VVI GEO CXW TNET NSP VRSK BR CLVT",
        "Consumer Discretionary": "HRB FTDR SCI CSV WW MNRO RCII UPBD AAN EDU BID",
        "Information Technology": "IT",
        "Real Estate": "FSV CIGI",
        UNKNOWN_SECTOR: "PRG DRVN MATW HI ADT",
    },
    "Computers": {
        "Information Technology": "IBM ACN CTSH EPAM DXC GIB INFY WIT GLOB IT KD UIS TDC DBD NTNX FIVN",
        "Industrials": "SAIC LDOS CACI BAH G EXLS CNXC TTEC WNS TASK MMS PSN DM PAYX ADP",
        UNKNOWN_SECTOR: "DDD SSYS",
    },
    "Distribution/Wholesale": {
        "Industrials": "GWW FAST WCC SITE WSO AIT DXPE CNM BXC MSM CPRT FERG GIC TITN DSGR HEES BECN GMS",
        "Consumer Discretionary": "POOL LKQ GPC",
        "Information Technology": "SNX SCSC NSIT",
    },
    "Diversified Finan Serv": {
        "Industrials": "AL AER GATX WLFC FTAI WAGE",
        "Information Technology": "MARA RIOT CLSK CORZ CIFR WULF IREN",
        "Health Care": "HQY",
        UNKNOWN_SECTOR: "HUT BTDR BITF HIVE",
    },
    "Electrical Compo&Equip": {
        "Industrials": "EMR AME ENS ENVX EOSE AYI VRT GNRC POWL AZZ ATKR WIRE HUBB NVT PLPC THR",
        "Consumer Staples": "ENR",
        "Information Technology": "BDC OLED AEIS LFUS NOVT",
    },
    "Electronics": {
        "Industrials": "HON EMR FTV ATMU ALLE ST WTS HUBB NVT PNR AOS WWD GNRC ROK PH",
        "Information Technology": "KEYS TRMB ITRI TDY APH TEL GLW JBL FLEX CLS SANM PLXS VSH KN BHE ZBRA CGNX DLB"
        "ALRM NSSC OSIS VNT NOVT BMI BDC LFUS IPGP ROG MEI FLIR",
        "Health Care": "TMO WAT A MTD BRKR RVTY PKI AVTR BIO",
        "Consumer Discretionary": "GRMN GNTX",
    },
    "Energy-Alternate Sources": {
        "Information Technology": "FSLR ENPH SEDG CSIQ JKS DQ MAXN",
        "Industrials": "ARRY SHLS RUN NXT PLUG BE FCEL BLDP FLNC STEM TPIC",
        "Utilities": "ORA CWEN BEP BEPC NEP XIFR AY",
        "Energy": "GPRE GEVO REGI REX CLNE",
    },
    "Entertainment": {
        "Communication Services": "LYV FWONK FWONA LLYVA LLYVK MSGS MSGE SPHR TKO WMG",
        "Consumer Discretionary": "DKNG FLUT CHDN PENN",
    },
    "Environmental Control": {"Industrials": "PNR VLTO TTEK ERII CECO AQUA ZWS", "Utilities": "CWCO"},
    "Food": {"Materials": "SXT IFF"},
    "Holding Companies-Divers": {"Industrials": "IEP", "Financials": "L"},
    "Home Builders": {"Real Estate": "FOR FPH"},
    "Home Furnishings": {"Information Technology": "DLB XPER", "Industrials": "MLKN HNI SCS"},
    "Household Products/Wares": {
        "Consumer Staples": "KMB CLX CHD SPB REYN WDFC",
        "Consumer Discretionary": "HELE TUMI",
        "Materials": "AVY",
        "Industrials": "ACCO",
    },
    "Housewares": {"Consumer Staples": "CENT CENTA", "Consumer Discretionary": "NWL TUP HELE", "Materials": "SMG"},
    "Insurance": {"Health Care": "OSCR CLOV ALHC BHG"},
    "Internet": {
        "Consumer Discretionary": "BKNG ABNB EXPE DASH TCOM MMYT EBAY GRPN CHWY W",
        "Communication Services": "MTCH CARS YELP ANGI IAC ZH WB BIDU PINS SNAP RDDT BMBL GRND TTD EVER CARG TRUE"
        "ZD IQ TCEHY JOYY YY TZOO SPOT NTES",
        "Industrials": "UBER LYFT UPWK GRAB LQDT",
        "Information Technology": "SHOP SPLK DOCU WIX DBX BOX AKAM NET TWLO RNG EGHT OOMA FSLY PANW ZS OKTA CNXN PLUS",
        "Financials": "HOOD FUTU TREE LC QFIN",
        "Consumer Staples": "DDL",
        "Health Care": "HIMS GDRX",
        "Real Estate": "ZG Z RDFN",
        UNKNOWN_SECTOR: "NBIS SSTK CONE OPEN SE",
    },
    "Investment Companies": {
        "Financials": "ARCC MAIN FSK OBDC BXSL GBDC HTGC PSEC TSLX OAK GLAD CSWC NMFC OCSL TCPC ORCC",
        "Information Technology": "MARA RIOT CLSK CORZ CIFR WULF IREN",
    },
    "Leisure Time": {"Industrials": "SPCE"},
    "Machinery-Diversified": {
        "Information Technology": "CGNX ZBRA NOVT ROP",
        "Energy": "USAC",
        UNKNOWN_SECTOR: "EVAC CLIR",
    },
    "Media": {"Industrials": "TRI RELX WTKWY", UNKNOWN_SECTOR: "PSO"},
    "Metal Fabricate/Hardware": {
        "Industrials": "TKR RBC MLI VMI PCP HWM",
        "Materials": "RS RYI MTRN",
        "Energy": "TS",
        UNKNOWN_SECTOR: "CRS",
    },
    "Mining": {
        "Energy": "CCJ UEC UUUU DNN NXE LEU URG",
        "Materials": "MP",
        "Industrials": "LXFR",
    },
    "Miscellaneous Manufactur": {
        "Industrials": "MMM TXT ETN ITT CSL DOV GE PH GFF AXON TRN HON ITW SIEGY IR ACA FSS HWM",
        "Materials": "DD MYE",
        "Health Care": "DHR",
        "Consumer Discretionary": "RGR SWBI AOUT VSTO POWW",
        "Information Technology": "TDY",
    },
    "Aerospace/Defense": {"Information Technology": "TDY"},
    "Iron/Steel": {"Industrials": "ATI", UNKNOWN_SECTOR: "CRS"},
    "Office/Business Equip": {"Information Technology": "XRX CAJ ZBRA", "Industrials": "PBI"},
    "Oil&Gas Services": {"Industrials": "MRC DNOW"},
    "Packaging&Containers": {"Health Care": "UFPT"},
    "Pharmaceuticals": {"Consumer Staples": "HLF USNA BRBR NGVC NATR MTEX LFVN MJN NUS"},
    "REITS": {"Financials": "HASI NLY AGNC STWD BXMT RITM ABR", UNKNOWN_SECTOR: "UNIT"},
    "Real Estate": {"Energy": "TPL", "Consumer Discretionary": "HGV VAC TNL"},
    "Retail": {
        "Consumer Staples": "WMT COST TGT DG DLTR BJ PSMT CASY",
        "Consumer Discretionary": "OLLI BIG BURL TJX ROST FIVE ODP WINA MUSA",
        "Industrials": "RUSHA RUSHB BLDR BMCH SITE BECN GMS HEES SYX GIC",
        "Information Technology": "CNXN NSIT PLUS SCSC",
        "Utilities": "SGU FGP APU SPH",
    },
    "Software": {
        "Industrials": "PAYC PCTY PAYX ADP DAY CDAY SSNC CSGS DNB BR CLVT",
        "Financials": "FIS FI FISV JKHY MSCI FDS AVDX FLYW PAYO TOST EVTC FOUR GPN",
        "Health Care": "VEEV CERT SDGR HCAT PHR EVH GDRX",
        "Communication Services": "EA TTWO ATVI RBLX DJT ZI PLTK SKLZ RUM GRND TTD",
        "Information Technology": "U APP ROP ACIW AKAM BL QTWO ALKT INST PWSC DOCU GWRE MSTR DBX",
        "Consumer Discretionary": "DUOL",
    },
    "Storage/Warehousing": {"Industrials": "MINI WSC"},
    "Telecommunications": {
        "Communication Services": "GSAT IRDM ASTS LUMN CCOI IDT TDS USM LBTYA LILA ATEX GOGO SHEN",
        "Information Technology": "VSAT GILT COMM MSI",
        "Real Estate": "AMT SBAC CCI",
    },
    "Transportation": {
        "Energy": "INSW FRO STNG DHT TNK LPG FLNG ASC NAT TRMD EURN DLNG GLOP HAFN TEN TNP",
        "Industrials": "KEX MATX SBLK GNK ZIM DAC GSL EGLE CMRE",
    },
}

COMPANIES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        industry: {symbol: sector for sector, row in rows.items() for symbol in row.split()}
        for industry, rows in _COMPANIES.items()
    }
)
"""Industry → symbol → GICS sector, "Unknown" where we are not sure."""
